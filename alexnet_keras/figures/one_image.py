"""Figures of one image: the feature maps of every layer, and the evidence for its class."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from alexnet_keras.config.layer_names import number_of, split_tower
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.dataset import evenly_spaced
from alexnet_keras.figures import style
from alexnet_keras.figures.evidence import grad_cam, occlusion_map
from alexnet_keras.figures.graph import Graph
from alexnet_keras.figures.networks import network_of, predictor_of
from alexnet_keras.inference.keras_model import from_keras, input_size
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.model.mosaic import mosaic
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.terminal_text import brief, listed

MAPS = 64  # feature maps of a layer that are drawn
NORMALIZATIONS = ("norm", "spatialnorm")
SHOWN = ("conv", *NORMALIZATIONS, "relu", "tanh")  # layers of feature maps, by the beginning of their names
SQUARE, DISTANCE = 40 / 227, 12 / 227  # of the occlusion: its side and its steps as fractions of the image's side
DARKEST = 0.45  # of an image lit by the evidence: the brightness where there is none


def activations(model: Any, image: np.ndarray) -> Figure:
    """Draw the feature maps of each layer for one image, before and after response normalization.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        image: `(side, side, 3)` uint8, 0..255, as large as the model's input.

    Raises:
        OptionError: `image` has another type, shape or dtype.
    """
    model = network_of(model)
    _check_image(image, input_size(model))
    features = feature_maps(model, image)
    scale = ", and a normalization has that of its convolution" if any(map(_is_normalization, features)) else ""
    caption = (
        f"Up to {MAPS} feature maps of each layer, evenly spaced over its channels. Black is zero or less; each layer "
        f"has its own scale{scale}. Below the names: the shape of the output, and the fraction of its values that are "
        "zero."
    )
    first = _first_row(list(features))
    columns = max(1 + first, len(features) - first)
    figure = style.new("What each layer computes from one image", caption)
    grid = figure.subplots(2, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    style.show(grid[0, 0], image, "the image\n\n")
    largest: dict[str, float] = {}
    for axes, (name, maps) in zip([*grid[0, 1 : 1 + first], *grid[1]], features.items(), strict=False):
        drawn = maps[..., evenly_spaced(maps.shape[-1], MAPS)].clip(min=0).transpose(2, 0, 1)
        largest[name] = max(float(np.quantile(drawn, 0.998)), 1e-12)
        scaled_as = f"conv{number_of(name)}" if _is_normalization(name) else name
        drawn = (drawn / largest[scaled_as]).clip(max=1)
        rows = math.ceil(math.sqrt(len(drawn)))
        image_of_maps = mosaic(drawn, rows, gap=max(1, drawn.shape[1] // 12), background=np.nan)
        title = f"{name}\n{' x '.join(map(str, maps.shape))}\n{(maps == 0).mean():.0%} zeros"
        style.show(axes, image_of_maps, title, cmap="inferno", vmin=0, vmax=1)
    return figure


def _is_normalization(layer: str) -> bool:
    return layer.startswith(NORMALIZATIONS)


def _first_row(names: Sequence[str]) -> int:
    """Return how many layers stand beside the image, so that layers of the same number share one of two short rows."""
    starts = [index for index, name in enumerate(names) if not index or number_of(name) != number_of(names[index - 1])]
    return min(starts, key=lambda start: (max(1 + start, len(names) - start), -start))


def feature_maps(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the feature maps of one image: layer -> `(rows, columns, channels)`, with the channels of both towers."""
    layers: dict[str, list[keras.layers.Layer]] = {}
    for layer in Graph(model).layers:
        name = split_tower(layer.name)[0]
        if name.rstrip("0123456789") in SHOWN and len(layer.output.shape) == 4:
            layers.setdefault(name, []).append(layer)
    network = keras.Model(model.inputs[0], {name: [each.output for each in found] for name, found in layers.items()})
    outputs = network(tf.cast(image[None], tf.float32), training=False)
    return {name: np.concatenate(values, axis=-1)[0].astype(np.float32) for name, values in outputs.items()}


def occlusion(
    model: Any, image: np.ndarray, label: str | None = None, size: int | None = None, stride: int | None = None
) -> Figure:
    """Draw how the probability of a class falls when a grey square covers a part of the image.

    Args:
        model: a run, a model file of any format, a file of trained weights, or a Keras model of this package.
        image: `(side, side, 3)` uint8, 0..255, as large as the model's input.
        label: name of the class; `None` for the most probable one.
        size: side of the square in pixels; `None` for 40 of 227 pixels, and the same fraction of other images.
        stride: distance between two places of the square in pixels; `None` for 12 of 227 pixels.

    Raises:
        OptionError: `image` has another type, shape or dtype, there is not exactly one such class, or `size` or
            `stride` is out of range.
        InputError: the model has a single class.
    """
    predictor = predictor_of(model)
    _check_image(image, predictor.input_size)
    index, name, probability = _class_of(predictor, image, label)
    size = round(SQUARE * len(image)) if size is None else size
    stride = max(1, min(size, round(DISTANCE * len(image)))) if stride is None else stride
    fall = occlusion_map(predictor.predict, image, index, size, stride)
    caption = (
        f"A grey square of {size} x {size} pixels covers each place in turn. For each pixel: how much the probability "
        "changes, averaged over all squares that cover it."
    )
    limit = max(float(np.abs(fall).max()), 1e-6)
    title, evidence = _title(name, probability, "occlusion"), fall.clip(min=0)
    meaning = "change of the probability"
    return _evidence(title, caption, image, -fall, meaning, evidence, cmap="PuOr", vmin=-limit, vmax=limit)


def gradcam(model: Any, image: np.ndarray, label: str | None = None) -> Figure:
    """Draw Grad-CAM: the feature maps before the last pooling, weighted by their gradients.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        image: `(side, side, 3)` uint8, 0..255, as large as the model's input.
        label: name of the class; `None` for the most probable one.

    Raises:
        OptionError: `image` has another type, shape or dtype, or there is not exactly one such class.
        InputError: the model has no fc8, or a single class.
    """
    model = network_of(model)
    predictor = from_keras(model)
    _check_image(image, predictor.input_size)
    index, name, probability = _class_of(predictor, image, label)
    heat = grad_cam(model, image, index)
    caption = (
        f"The {heat.shape[0]} x {heat.shape[1]} feature maps before the last pooling, each weighted by the mean "
        f"gradient of the logit of {name}. Negative sums count as 0."
    )
    title, meaning = _title(name, probability, "Grad-CAM"), "weighted sum of the feature maps"
    return _evidence(title, caption, image, heat, meaning, heat, cmap="inferno", vmin=0)


def _check_image(image: Any, side: int) -> None:
    """Check that an image is an array as a model takes it, or raise `OptionError`."""
    if not isinstance(image, np.ndarray):
        given = type(image).__name__
    elif (image.shape, image.dtype) != ((side, side, 3), np.uint8):
        given = f"{image.dtype} {image.shape}"
    else:
        return
    raise OptionError(
        f"`image` must be a NumPy array, uint8 ({side}, {side}, 3), got {given}; crop and convert the image first."
    )


def _title(name: str, probability: float, method: str) -> str:
    return f'Evidence for "{name}" (probability {probability:.1%}): {method}'


def _class_of(predictor: Predictor, image: np.ndarray, label: str | None) -> tuple[int, str, float]:
    """Return the index, the name and the probability of a class, the most probable one if `label` is `None`."""
    names = predictor.class_names
    if len(names) < 2:
        raise InputError("The model has a single class, so nothing can be evidence for it; use one with more classes.")
    (probabilities,) = predictor.predict(image[None])
    words = distinct_labels(names)
    index = int(probabilities.argmax()) if label is None else _index_of(label, names, words)
    return index, words[index], float(probabilities[index])


def _index_of(label: str, names: Sequence[str], words: Sequence[str]) -> int:
    """Return the index of the class that has a name or a readable label."""
    found = [index for index, known in enumerate(zip(names, words, strict=True)) if label in known]
    if not found:
        raise OptionError(f"The model has no class {brief(label)} for `label`; choose from {listed(words, 20)}.")
    if len(found) > 1:
        indices = " and ".join(map(str, found))
        raise OptionError(
            f"The model has {len(found)} classes {brief(label)} for `label`, the indices {indices}; "
            "use a model whose class names differ."
        )
    return found[0]


def _evidence(
    title: str, caption: str, image: np.ndarray, heat: np.ndarray, meaning: str, evidence: np.ndarray, **options: Any
) -> Figure:
    """Draw an image, a map, and the image lit by the evidence `(rows, columns)`, 0 or more."""
    figure = style.new(title, caption, height=6)
    axes = figure.subplots(1, 3)
    side = len(image)
    style.show(axes[0], image, "the image")
    shown = style.show(axes[1], heat, meaning, extent=(0, side, side, 0), **options)
    below = axes[1].inset_axes((0, -0.07, 1, 0.04))  # as wide as the map, and takes no space from it
    bar = figure.colorbar(shown, cax=below, orientation="horizontal")
    bar.ax.tick_params(labelsize=style.SMALL, colors=style.GRAY)
    bar.outline.set_visible(False)
    light = tf.image.resize(evidence[..., None] / max(float(evidence.max()), 1e-12), (side, side)).numpy()
    style.show(axes[2], (image * (DARKEST + (1 - DARKEST) * light)).astype(np.uint8), "the image, lit by the evidence")
    return figure
