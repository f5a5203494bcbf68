"""The figure of the image patches that excite a unit most."""

from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from alexnet_keras.config.ranges import Count, check_value
from alexnet_keras.config.training import Source
from alexnet_keras.data.dataset import sample
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import SEARCHED, one_pass, style
from alexnet_keras.figures.networks import last_layer, network_of
from alexnet_keras.figures.receptive_field import receptive_field
from alexnet_keras.inference.features import compiled, until
from alexnet_keras.inference.keras_model import input_size
from alexnet_keras.system.errors import InputError, OptionError

PATCHES = 18
OUTSIDE = 127  # the grey of pixels outside the image, which the network sees as zeros


def patches(model: Any, data: Source, layer: str | None, unit: int, limit: int = SEARCHED) -> Figure:
    """Draw the patches of validation images that excite a unit most, cut at the unit's receptive field.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        data: the data set.
        layer: the layer of the unit; `None` for the last convolution.
        unit: the channel of the unit, from 0; the channels of tower b follow those of tower a.
        limit: number of validation images that are searched, of each class in proportion.

    Raises:
        OptionError: there is no such layer or unit, or `limit` is out of its range.
        InputError: the data set cannot be read, or no image excites the unit.
    """
    check_value("`limit`", Count, limit)
    model = network_of(model)
    layer = last_layer(model, (keras.layers.Conv2D,)) if layer is None else layer
    network, size = until(model, layer), input_size(model)
    units = network.output_shape[-1]
    if not 0 <= unit < units:
        raise OptionError(f"`unit` must be 0 to {units - 1}, because {layer} has {units} channels, got {unit}.")
    dataset = open_dataset(data)
    split = sample(dataset.validation, limit)
    call = compiled(network)
    found: list[tuple[float, int, int, int]] = []
    for _, outputs in one_pass.outputs(split, size, call, f"Computing {layer}"):
        found += [strongest(output[..., unit], index) for index, output in enumerate(outputs, len(found))]
    best = [each for each in sorted(found, key=lambda each: -each[0]) if each[0] > 0][:PATCHES]
    searched = style.in_words(len(split), "validation images")
    if not best:
        raise InputError(f"The output of unit {unit} of {layer} is not positive for any of {searched}; choose another.")
    field = receptive_field(model, layer)
    first, last = field(0)
    caption = (
        f"The {len(best)} of {searched} that excite the unit most, one patch each. Numbers: the output of the unit, "
        f"which sees {last - first + 1} x {last - first + 1} pixels (grey: outside the image)."
    )
    figure = style.new(f"{dataset.name}: what excites unit {unit} of {layer}", caption)
    grid = figure.subplots(3, 6)
    for axes in grid.flat:
        axes.set_axis_off()
    images = one_pass.crops(split, [index for _, index, _, _ in best], size)
    for axes, image, (value, _, row, column) in zip(grid.flat, images, best, strict=False):
        style.show(axes, cut(image, field(row), field(column)), f"{value:#.3g}".rstrip("."))
    return figure


def strongest(output: np.ndarray, index: int) -> tuple[float, int, int, int]:
    """Return the largest value of a unit's feature map, or its single value, the index, and its row and column."""
    row, column = np.unravel_index(output.argmax(), output.shape) if output.ndim else (0, 0)
    return float(output.max()), index, int(row), int(column)


def cut(image: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """Cut the pixels from the first to the last row and column, with grey for those outside the image."""
    (top, bottom), (left, right) = rows, columns
    patch = np.full((bottom - top + 1, right - left + 1, 3), OUTSIDE, np.uint8)
    height, width = image.shape[:2]
    inside = image[max(top, 0) : min(bottom, height - 1) + 1, max(left, 0) : min(right, width - 1) + 1]
    row, column = max(-top, 0), max(-left, 0)
    patch[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return patch
