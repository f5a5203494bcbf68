"""Draw the kernels of conv1 as images, one tower above the other.

    python3 docs/pictures/filters.py bvlc_alexnet.caffemodel docs/pictures/filters.png

The first argument is any file of trained weights that `alexnet-keras weights import` reads. Needs matplotlib.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from alexnet_keras.weights.trained_weights import read

COLUMNS = 16


def draw(kernels: np.ndarray, output: Path) -> None:
    """Write a picture of the kernels `(11, 11, 3, 96)`; the lower and the upper half are one tower each."""
    towers = np.split(kernels, 2, axis=3)
    figure, axes = plt.subplots(2, 1, figsize=(8, 3.25), dpi=150, layout="constrained", facecolor="white")
    for axis, tower, name in zip(axes, towers, "ab", strict=True):
        axis.imshow(mosaic(tower), interpolation="nearest")
        axis.set_ylabel(f"tower {name}", fontsize=12)
        axis.set(xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set_visible(False)
    figure.savefig(output)
    plt.close(figure)


def mosaic(kernels: np.ndarray, gap: int = 1) -> np.ndarray:
    """Arrange kernels in rows of 16. Each is scaled by its own largest weight, so that zero is grey."""
    side, count = kernels.shape[0], kernels.shape[3]
    rows = -(-count // COLUMNS)
    image = np.ones((rows * (side + gap) - gap, COLUMNS * (side + gap) - gap, 3))
    for index in range(count):
        row, column = ((side + gap) * place for place in divmod(index, COLUMNS))
        kernel = kernels[..., index]
        image[row : row + side, column : column + side] = 0.5 + 0.5 * kernel / np.abs(kernel).max()
    return image


if __name__ == "__main__":
    mpl.use("Agg")
    weights, picture = map(Path, sys.argv[1:])
    draw(read(weights).layers["conv1"]["kernel"], picture)
