"""The figure of the first layer's kernels (Figure 3 of the paper)."""

from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from alexnet_keras.config.layer_names import TOWERS
from alexnet_keras.figures import style
from alexnet_keras.figures.networks import network_of
from alexnet_keras.inference.keras_model import layers_named
from alexnet_keras.model.mosaic import as_images, mosaic

COLUMNS, FEWEST = 16, 8  # of the figure: as many as a tower has kernels, within these limits
NOISE = 0.25  # smoothness of kernels that look like noise; see `smoothness`


def filters(model: Any) -> Figure:
    """Draw the kernels of conv1 as images, one block for each tower.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
    """
    model = network_of(model)
    towers = first_kernels(model)
    title, caption = described(towers)
    columns = min(COLUMNS, max(FEWEST, *(tower.shape[-1] for tower in towers)))
    rows = sum(-(-tower.shape[-1] // columns) for tower in towers)
    height = 1.5 + 12.5 * rows / columns + 0.2 * len(towers)
    figure = style.new(title, caption, height)
    for axes, tower, name in zip(np.ravel(figure.subplots(len(towers), 1)), towers, TOWERS, strict=False):
        style.show(axes, mosaic(as_images(tower), columns))
        if len(towers) > 1:
            axes.text(-0.012, 0.5, f"tower {name}", rotation=90, ha="right", va="center", fontsize=style.LABEL,
                      color=style.INK, transform=axes.transAxes)  # fmt: skip
    return figure


def first_kernels(model: keras.Model) -> list[np.ndarray]:
    """Return the kernels of conv1, `(H, W, 3, N)`, of each tower."""
    return [np.asarray(layer.kernel) for layer in layers_named(model, "conv1")]


def described(towers: list[np.ndarray]) -> tuple[str, str]:
    """Return the title and the caption of a picture of the kernels of each tower."""
    kernels = np.concatenate(towers, axis=-1)
    side, smooth = kernels.shape[0], smoothness(kernels)
    caption = (
        f"{side} x {side} pixels each. Grey is a weight of zero; each kernel is scaled by its largest weight. "
        f"The correlation of neighbouring weights is {smooth:.2f} (0: noise, 1: smooth)"
    )
    caption += (
        ", so most kernels are still noise: the network saw too few images to shape them." if smooth < NOISE else "."
    )
    return f"The {kernels.shape[-1]} kernels of the first layer, conv1", caption


def smoothness(kernels: np.ndarray) -> float:
    """Return the correlation of horizontally and vertically neighbouring weights of `(H, W, 3, N)` kernels.

    It is 0 for noise and near 1 for large blobs. The mean of each kernel and colour is subtracted first.
    """
    centered = kernels - kernels.mean(axis=(0, 1), keepdims=True)
    energy = (centered**2).mean()
    neighbors = ((centered[1:] * centered[:-1]).mean() + (centered[:, 1:] * centered[:, :-1]).mean()) / 2
    return float(neighbors / energy) if energy else 0.0
