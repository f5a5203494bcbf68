"""Pictures that show what the code does. The only user of matplotlib, which comes with the extra `figures`."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import PCA_NOISES, STORED_SIZE, DataSource
from alexnet_keras.data import augmentation, image_ops, reading
from alexnet_keras.data.augmentation import Draws
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError

DRAWS = 6  # columns
INK, ACCENT = "#333333", "#d9480f"


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise InputError("Figures need matplotlib: pip install 'alexnet-keras[figures]'.") from error
    matplotlib.use("Agg")  # files, not windows
    from matplotlib import pyplot

    return pyplot


def augmentation_figure(
    source: str | DataSource, output: Path, index: int = 0, seed: int = 0, input_size: int = 227
) -> Path:
    """One training picture under many draws: where each crop was cut and whether it was mirrored, then its colours.

    The first row shows crops alone; below, the same crops with the colour noise of each convention, clipped to 0..255
    for the eye, which the network's images are not.

    Args:
        source: a data set.
        output: the PNG to write.
        index: which training picture.
        seed: of the draws.
        input_size: side of the crops in pixels.

    Returns:
        `output`.

    Raises:
        OptionError: there is no such picture, or `output` is no .png.
        InputError: the picture cannot be read, or matplotlib is not installed.
    """
    if output.suffix != ".png":
        raise OptionError(f"--output must end in .png, got {output.name!r}.")
    pyplot = _pyplot()
    dataset = open_dataset(source)
    split = dataset.train
    if not 0 <= index < len(split):
        raise OptionError(f"--image must be 0 to {len(split) - 1}, got {index}.")
    with reading.naming_unreadable(split):
        picture = reading.pixels(split, tf.constant(index, tf.int64))
        statistics = dataset.statistics or reading.color_statistics(split)
    draws = augmentation.draw(DRAWS, input_size, seed, tf.constant(0, tf.int64))
    crops = image_ops.crop_and_flip(tf.stack([picture] * DRAWS), draws.offsets, draws.flipped, input_size)

    rows = 1 + len(PCA_NOISES)
    figure, axes = pyplot.subplots(rows, DRAWS + 1, figsize=(2.1 * (DRAWS + 1), 2.35 * rows), layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    _show(axes[0, 0], picture.numpy(), "the stored picture\nand its crops")
    _outline_crops(axes[0, 0], draws, input_size)
    _components(axes[1, 0], np.array(statistics.eigenvalues), np.array(statistics.eigenvectors))
    for column in range(DRAWS):
        top, left = draws.offsets[column].numpy()
        flipped = "\nmirrored" if draws.flipped[column] else "\n"
        _show(axes[0, column + 1], crops[column].numpy(), f"from ({top}, {left}){flipped}")
    for row, convention in enumerate(PCA_NOISES, start=1):
        noise = augmentation.pca_noise(convention, statistics)
        shifts = draws.color @ tf.constant(noise.directions, tf.float32)
        shifted = image_ops.shift_colors(crops, shifts, noise.mean, noise.divisor)
        for column in range(DRAWS):
            title = " ".join(f"{value:+.0f}" for value in shifts[column].numpy())
            _show(axes[row, column + 1], tf.saturate_cast(tf.round(shifted[column]), tf.uint8).numpy(), title)
        axes[row, 1].text(
            -0.04, 0.5, convention, transform=axes[row, 1].transAxes, rotation=90, ha="right", va="center", color=INK
        )
    axes[2, 0].text(
        0.5,
        0.5,
        "Above each image:\nwhat was added to\nred, green and blue,\n0 to 255.\n\n'original' then divides\n"
        "the centred image\nby 1.1.",
        ha="center",
        va="center",
        fontsize=9,
        color=INK,
        transform=axes[2, 0].transAxes,
    )
    figure.suptitle(f"{dataset.name}, training picture {index}: random crops, mirrors and colours", color=INK)
    with atomic_files.appear_whole(output) as partial:
        figure.savefig(partial, dpi=120)
    pyplot.close(figure)
    return output


def _show(axis: Any, image: np.ndarray, title: str) -> None:
    axis.imshow(image)
    axis.set_title(title, fontsize=9, color=INK)


def _outline_crops(axis: Any, draws: Draws, size: int) -> None:
    from matplotlib.patches import Rectangle

    for top, left in draws.offsets.numpy():
        axis.add_patch(Rectangle((left - 0.5, top - 0.5), size, size, fill=False, edgecolor=ACCENT, linewidth=1))
    axis.set_xlim(-0.5, STORED_SIZE - 0.5)
    axis.set_ylim(STORED_SIZE - 0.5, -0.5)


def _components(axis: Any, eigenvalues: np.ndarray, eigenvectors: np.ndarray) -> None:
    """Three bars from minus to plus two standard deviations of the colours along each component."""
    strip = np.linspace(-2, 2, STORED_SIZE)
    bars = [
        128 + strip[:, np.newaxis] * deviation * vector
        for deviation, vector in zip(np.sqrt(eigenvalues), eigenvectors, strict=True)
    ]
    gap = np.full((STORED_SIZE // 8, STORED_SIZE, 3), 255.0)
    rows = [part for bar in bars for part in (np.broadcast_to(bar, (STORED_SIZE // 4, STORED_SIZE, 3)), gap)][:-1]
    axis.imshow(np.concatenate(rows).clip(0, 255).astype(np.uint8))
    deviations = ", ".join(f"{value:.0f}" for value in np.sqrt(eigenvalues))
    axis.set_title(f"principal components\n(deviations {deviations})", fontsize=9, color=INK)
