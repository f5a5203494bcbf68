"""Figures of one image: the feature maps of every layer, and the evidence for its class."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.data.class_labels import readable
from alexnet_keras.data.dataset import evenly_spaced
from alexnet_keras.figures import style
from alexnet_keras.figures.evidence import grad_cam, occlusion_map
from alexnet_keras.figures.graph import Graph
from alexnet_keras.figures.networks import network_of, predictor_of
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.model.mosaic import mosaic
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.terminal_text import brief, listed

MAPS = 64  # feature maps of a layer that are drawn
SHOWN = ("conv", "norm", "spatialnorm", "relu", "tanh")  # layers of feature maps, by the beginning of their names


def activations(model: Any, image: np.ndarray) -> Figure:
    """Draw the feature maps of each layer for one image, before and after response normalization.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        image: `(side, side, 3)` uint8, 0..255, as large as the model's input.
    """
    model = network_of(model)
    features = feature_maps(model, image)
    caption = (
        f"Up to {MAPS} feature maps of each layer, evenly spaced over its channels. Black is zero or less; each layer "
        "has its own scale. Below the names: the shape of the output, and the fraction of its values that are zero."
    )
    columns = math.ceil((len(features) + 1) / 2)
    figure = style.new("What each layer computes from one image", caption)
    grid = np.ravel(figure.subplots(2, columns))
    for axes in grid:
        axes.set_axis_off()
    style.show(grid[0], image, "the image\n")
    for axes, (name, maps) in zip(grid[1:], features.items(), strict=False):
        drawn = maps[..., evenly_spaced(maps.shape[-1], MAPS)].clip(min=0).transpose(2, 0, 1)
        largest = max(float(np.quantile(drawn, 0.998)), 1e-12)
        drawn = (drawn / largest).clip(max=1)
        rows = math.ceil(math.sqrt(len(drawn)))
        image_of_maps = mosaic(drawn, rows, gap=max(1, drawn.shape[1] // 12), background=np.nan)
        title = f"{name}\n{' x '.join(map(str, maps.shape))}: {(maps == 0).mean():.0%} zeros"
        style.show(axes, image_of_maps, title, cmap="inferno", vmin=0, vmax=1)
    return figure


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


def occlusion(model: Any, image: np.ndarray, label: str | None = None, size: int = 40, stride: int = 12) -> Figure:
    """Draw how the probability of a class falls when a grey square covers a part of the image.

    Args:
        model: a run, a model file of any format, a file of trained weights, or a Keras model of this package.
        image: `(side, side, 3)` uint8, 0..255, as large as the model's input.
        label: name of the class; `None` for the most probable one.
        size: side of the square in pixels.
        stride: distance between two places of the square in pixels.

    Raises:
        OptionError: there is no such class, or `size` or `stride` is out of range.
        InputError: the model has a single class.
    """
    predictor = predictor_of(model)
    index, probability = _class_of(predictor, image, label)
    fall = occlusion_map(predictor.predict, image, index, size, stride)
    name = readable(predictor.class_names[index])
    caption = (
        f"A grey square of {size} x {size} pixels covers each place in turn. Map: the mean change of the probability "
        f"of {name} over all squares that cover a pixel."
    )
    limit = max(float(np.abs(fall).max()), 1e-6)
    title, evidence = f"Where the network sees {name} ({probability:.1%}): occlusion", fall.clip(min=0)
    meaning = "change of the probability"
    return _evidence(title, caption, image, -fall, meaning, evidence, cmap="PuOr", vmin=-limit, vmax=limit)


def gradcam(model: Any, image: np.ndarray, label: str | None = None) -> Figure:
    """Draw Grad-CAM: the feature maps before the last pooling, weighted by their gradients.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        image: `(side, side, 3)` uint8, 0..255, as large as the model's input.
        label: name of the class; `None` for the most probable one.

    Raises:
        OptionError: there is no such class.
        InputError: the model has no fc8, or a single class.
    """
    model = network_of(model)
    predictor = from_keras(model)
    index, probability = _class_of(predictor, image, label)
    heat = grad_cam(model, image, index)
    name = readable(predictor.class_names[index])
    caption = (
        f"The {heat.shape[0]} x {heat.shape[1]} feature maps before the last pooling, each weighted by the mean "
        f"gradient of the logit of {name}. Negative sums count as 0."
    )
    title, meaning = f"Where the network sees {name} ({probability:.1%}): Grad-CAM", "weighted sum of the feature maps"
    return _evidence(title, caption, image, heat, meaning, heat, cmap="inferno", vmin=0)


def _class_of(predictor: Predictor, image: np.ndarray, label: str | None) -> tuple[int, float]:
    """Return the index and the probability of a class, of the most probable one if `label` is `None`."""
    names = predictor.class_names
    if len(names) < 2:
        raise InputError("The model has a single class, so nothing can be evidence for it; use one with more classes.")
    (probabilities,) = predictor.predict(image[None])
    if label is None:
        return int(probabilities.argmax()), float(probabilities.max())
    words = [readable(name) for name in names]
    if label not in (*names, *words):
        raise OptionError(f"The model has no class {brief(label)} for `label`; choose from {listed(words, 20)}.")
    index = names.index(label) if label in names else words.index(label)
    return index, float(probabilities[index])


def _evidence(
    title: str, caption: str, image: np.ndarray, heat: np.ndarray, meaning: str, evidence: np.ndarray, **options: Any
) -> Figure:
    """Draw an image, a map, and the image lit by the evidence `(rows, columns)`, 0 or more."""
    figure = style.new(title, caption, height=5.7)
    axes = figure.subplots(1, 3)
    side = len(image)
    style.show(axes[0], image, "the image")
    shown = style.show(axes[1], heat, meaning, extent=(0, side, side, 0), **options)
    bar = figure.colorbar(shown, ax=axes[1], location="left", shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize=style.SMALL, colors=style.GRAY)
    bar.outline.set_visible(False)
    light = tf.image.resize(evidence[..., None] / max(float(evidence.max()), 1e-12), (side, side)).numpy()
    style.show(axes[2], (image * (0.15 + 0.85 * light)).astype(np.uint8), "the image, lit by the evidence")
    return figure
