"""Figure of the augmentation: crops, flips and PCA colours of one image. Needs matplotlib (extra `figures`)."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import PCA_NOISES, STORED_SIZE, DataSource
from alexnet_keras.data import augmentation, image_ops, reading
from alexnet_keras.data.augmentation import Draws
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError

DRAWS = 6  # columns of the figure
INK, ACCENT = "#333333", "#d9480f"
EXPLANATION = """Above each image:
the value that was added
to red, green and blue,
0 to 255.

'original' then divides
the centred image
by 1.1."""


def augmentation_figure(
    source: str | DataSource, output: Path, index: int = 0, seed: int = 0, input_size: int = 227
) -> Path:
    """Draw random crops, flips and PCA colour augmentations of one training image.

    The first row shows the crops. The rows below show the same crops with the PCA noise of each convention, rounded
    and clipped to 0..255 for display; the network gets the values as they are.

    Args:
        source: the data set.
        output: the PNG file to write.
        index: index of the training image.
        seed: random seed of the augmentation.
        input_size: side of the crops in pixels.

    Returns:
        `output`.

    Raises:
        OptionError: there is no such image, or `output` does not end in .png.
        InputError: `output` exists or cannot be written, the image cannot be read, or matplotlib is not installed.
    """
    atomic_files.check_output(output, (".png",))
    pyplot = _pyplot()
    dataset = open_dataset(source)
    split = dataset.train
    if not 0 <= index < len(split):
        raise OptionError(f"`index` must be 0 to {len(split) - 1}, got {index}; choose one of the training images.")
    with reading.naming_unreadable(split):
        image = split.pixels(tf.constant(index, tf.int64))
        statistics = dataset.statistics or reading.color_statistics(split)
    draws = augmentation.draw(DRAWS, input_size, seed, tf.constant(0, tf.int64))
    crops = image_ops.crop_and_flip(tf.stack([image] * DRAWS), draws.offsets, draws.flipped, input_size)

    rows = 1 + len(PCA_NOISES)
    figure, axes = pyplot.subplots(rows, DRAWS + 1, figsize=(2.1 * (DRAWS + 1), 2.35 * rows), layout="constrained")
    figure.suptitle(f"{dataset.name}, training image {index}: random crops, flips and PCA colours", color=INK)
    for axis in axes.flat:
        axis.set_axis_off()
    _show(axes[0, 0], image.numpy(), "stored image\nand its crops")
    _outline_crops(axes[0, 0], draws, input_size)
    _show_components(axes[1, 0], statistics)
    _write(axes[2, 0], 0.5, EXPLANATION, fontsize=9, ha="center")
    for axis, crop, offset, flipped in zip(axes[0, 1:], crops, draws.offsets, draws.flipped, strict=True):
        top, left = offset.numpy()
        _show(axis, crop.numpy(), f"from ({top}, {left})\n{'flipped' if flipped else ''}")
    for row, convention in zip(axes[1:], PCA_NOISES, strict=True):
        _show_colors(row[1:], crops, draws, augmentation.pca_noise(convention, statistics))
        _write(row[1], -0.04, convention, rotation=90, ha="right")
    with atomic_files.appear_whole(output) as partial:
        figure.savefig(partial, dpi=120)
    pyplot.close(figure)
    return output


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise InputError("Figures need matplotlib: pip install 'alexnet-keras[figures]'.") from error
    matplotlib.use("Agg")  # writes files and needs no window
    from matplotlib import pyplot

    return pyplot


def _show(axis: Any, image: np.ndarray, title: str) -> None:
    axis.imshow(image)
    axis.set_title(title, fontsize=9, color=INK)


def _write(axis: Any, x: float, text: str, **options: Any) -> None:
    axis.text(x, 0.5, text, transform=axis.transAxes, va="center", color=INK, **options)


def _show_colors(axes: Any, crops: tf.Tensor, draws: Draws, noise: augmentation.PCANoise) -> None:
    """Show crops with PCA noise, each under the shift of red, green and blue."""
    shifts = draws.color @ tf.constant(noise.directions, tf.float32)
    shifted = image_ops.shift_colors(crops, shifts, noise.mean, noise.divisor)
    pixels = tf.saturate_cast(tf.round(shifted), tf.uint8).numpy()
    for axis, crop, shift in zip(axes, pixels, shifts.numpy(), strict=True):
        _show(axis, crop, " ".join(f"{value:+.0f}" for value in shift))


def _outline_crops(axis: Any, draws: Draws, size: int) -> None:
    from matplotlib.patches import Rectangle

    for top, left in draws.offsets.numpy():
        axis.add_patch(Rectangle((left - 0.5, top - 0.5), size, size, fill=False, edgecolor=ACCENT, linewidth=1))
    axis.set_xlim(-0.5, STORED_SIZE - 0.5)
    axis.set_ylim(STORED_SIZE - 0.5, -0.5)


def _show_components(axis: Any, statistics: ColorStatistics) -> None:
    """Show a bar for each principal component: grey minus two to plus two standard deviations along it."""
    deviations, directions = np.sqrt(statistics.eigenvalues), np.array(statistics.eigenvectors)
    steps = np.linspace(-2, 2, STORED_SIZE)
    colors = 128 + np.einsum("s,c,cd->csd", steps, deviations, directions)  # (components, STORED_SIZE, channels)
    image = np.full((5, STORED_SIZE, 3), 255.0)  # white gaps between the bars
    image[::2] = colors
    _show(
        axis,
        image.repeat(STORED_SIZE // 5, axis=0).clip(0, 255).astype(np.uint8),
        f"principal components\n(standard deviations {', '.join(f'{value:.0f}' for value in deviations)})",
    )
