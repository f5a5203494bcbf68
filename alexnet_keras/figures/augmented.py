"""The figure of the augmentation: crops, flips and PCA colours of one image."""

from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from alexnet_keras.config.ranges import Index, check_value
from alexnet_keras.config.training import PCA_NOISES, CropArea, Source
from alexnet_keras.data import augmentation as drawing
from alexnet_keras.data import image_ops, reading
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import style
from alexnet_keras.system.errors import OptionError

DRAWS = 6  # columns of the figure, at most as many as the palette has colours
CANDIDATES = 24  # draws, of which those with the strongest colour are shown: many would change nothing visible
MEANINGS = {
    "paper": "PCA noise\n'paper':\nas strong as\nthe variance",
    "original": "PCA noise\n'original':\nas strong as\nthe standard\ndeviation, and\ncontrast / 1.1",
}


def augmentation(
    data: Source, index: int = 0, seed: int = 0, input_size: int = 227, min_crop_area: float | None = None
) -> Figure:
    """Draw random crops, flips and PCA colour augmentations of one training image.

    The first row has the crops. For each convention of the PCA noise, one row has the same crops with the noise,
    rounded and clipped to 0..255, and the next row the difference that the noise makes.

    Args:
        data: the data set.
        index: index of the training image.
        seed: random seed of the augmentation.
        input_size: side of the crops in pixels.
        min_crop_area: the smallest area of random resized crops, as `TrainConfig` has it.

    Raises:
        OptionError: there is no such image, or `seed` or `min_crop_area` is out of its range.
        InputError: the image cannot be read.
    """
    check_value("`seed`", Index, seed)
    check_value("`min_crop_area`", CropArea | None, min_crop_area)
    dataset = open_dataset(data)
    split = dataset.train
    if not 0 <= index < len(split):
        raise OptionError(f"`index` must be 0 to {len(split) - 1}, got {index}; choose one of the training images.")
    with reading.naming_unreadable(split):
        image = split.pixels(tf.constant(index, tf.int64))
        statistics = dataset.statistics or reading.color_statistics(split)
    split.check_crop(input_size)
    size = split.stored_size
    epoch = tf.constant(0, tf.int64)
    draws = drawing.draw(CANDIDATES, input_size, seed, epoch, min_crop_area=min_crop_area, stored_size=size)
    strongest = np.sort(np.argsort(-np.linalg.norm(draws.color, axis=1), kind="stable")[:DRAWS])
    offsets, flips, colors = (tf.gather(each, strongest) for each in (draws.offsets, draws.flipped, draws.color))
    shapes = None if draws.shapes is None else tf.gather(draws.shapes, strongest)
    crops = image_ops.crop_and_flip(tf.stack([image] * DRAWS), offsets, flips, input_size, shapes)

    numbers = "row and column of its corner" if shapes is None else "its height and width in the stored image"
    caption = (
        f"The {DRAWS} of {CANDIDATES} random draws with the strongest colour. Above each crop: {numbers}, in pixels. A "
        "frame of the same colour marks it in the stored image. Above the noisy crops: the change of red, green and "
        "blue, of 255. Grey: no change."
    )
    figure = style.new(f"Random augmentations of training image {index} of {dataset.name}", caption, height=11.3)
    grid = figure.subplots(1 + 2 * len(PCA_NOISES), DRAWS + 1)
    for axes in grid.flat:
        axes.set_axis_off()
    _show(grid[0, 0], image.numpy(), "stored image", extent=(0, size, size, 0))
    sides = np.full((DRAWS, 2), input_size) if shapes is None else shapes.numpy()
    drawn = zip(crops, offsets.numpy(), sides, flips, strict=True)
    for column, (crop, (top, left), (height, width), flipped) in enumerate(drawn, 1):
        color = style.color(column - 1)
        box = Rectangle((left, top), width, height, fill=False, edgecolor=color, linewidth=2)
        grid[0, 0].add_patch(box)
        words = f"({top}, {left})" if shapes is None else f"{height} x {width}"
        _show(grid[0, column], crop.numpy(), f"{words}{' flipped' if flipped else ''}")
        style.frame(grid[0, column], color)
    for number, name in enumerate(PCA_NOISES):
        noise = noise_of(name, statistics)
        shifts = colors @ tf.constant(noise.directions, tf.float32)
        colored = image_ops.shift_colors(crops, shifts, noise.mean, noise.divisor).numpy()
        changes = colored - crops.numpy()
        gain = max(1, int(100 / np.quantile(np.abs(changes), 0.98)))
        above, below = grid[1 + 2 * number], grid[2 + 2 * number]
        above[0].text(0, 1, MEANINGS[name], va="top", fontsize=style.SMALL, color=style.INK)
        for column, shift in enumerate(shifts.numpy()):
            pixels = colored[column].round().clip(0, 255).astype(np.uint8)
            _show(above[column + 1], pixels, "  ".join(f"{value:+.1f}" for value in shift))
            difference = (127 + gain * changes[column]).clip(0, 255).astype(np.uint8)
            _show(below[column + 1], difference, f"difference x {gain}")
    _show(grid[2, 0], components(statistics), "components")
    return figure


def _show(axes: Any, image: np.ndarray, title: str, **options: Any) -> None:
    style.show(axes, image, **options)
    axes.set_title(title, fontsize=style.SMALL, color=style.INK)


def components(statistics: ColorStatistics) -> np.ndarray:
    """Make an image with a bar for each principal component: grey minus to plus two standard deviations along it."""
    deviations, directions = np.sqrt(statistics.eigenvalues), np.array(statistics.eigenvectors)
    steps = np.linspace(-2, 2, 250)
    colors = 128 + np.einsum("s,c,cd->csd", steps, deviations, directions)  # (components, steps, channels)
    bars = np.full((5, len(steps), 3), 255.0)  # white gaps between the bars
    bars[::2] = colors
    return bars.repeat(50, axis=0).clip(0, 255).astype(np.uint8)
