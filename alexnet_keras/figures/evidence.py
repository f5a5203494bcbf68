"""Where the evidence for a class lies in one image: occlusion maps and Grad-CAM."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.figures.graph import Graph
from alexnet_keras.figures.networks import POOLINGS, last_layer
from alexnet_keras.inference.keras_model import layers_named
from alexnet_keras.inference.predictor import BATCH_SIZE
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress

OCCLUDER = 127  # the grey that covers a part of the image, as by Zeiler and Fergus (2014)


def occlusion_map(
    predict: Callable[[np.ndarray], np.ndarray], image: np.ndarray, label: int, size: int, stride: int
) -> np.ndarray:
    """Compute how much the probability of a class falls when a grey square covers a pixel (Zeiler and Fergus 2014).

    Args:
        predict: `(B, side, side, 3)` uint8 -> `(B, classes)` probabilities.
        image: `(side, side, 3)` uint8.
        size: side of the square in pixels.
        stride: the largest distance between two places of the square; the last one touches the border.

    Returns:
        `(side, side)`: for each pixel the mean fall over all squares that cover it; negative where the square makes the
        class more probable.
    """
    side = len(image)
    if not 1 <= size < side:
        raise OptionError(f"`size` must be 1 to {side - 1} for an image of {side} pixels, got {size}.")
    if not 1 <= stride <= size:
        raise OptionError(f"`stride` must be 1 to {size}, the size of the square, got {stride}.")
    places = np.unique(np.linspace(0, side - size, -(-(side - size) // stride) + 1).round().astype(int))
    corners = [(top, left) for top in places for left in places]
    whole = float(predict(image[None])[0, label])
    falls, counts = np.zeros((side, side)), np.zeros((side, side))
    with Progress("Occluding the image", len(corners)) as progress:
        for start in range(0, len(corners), BATCH_SIZE):
            batch = corners[start : start + BATCH_SIZE]
            images = np.repeat(image[None], len(batch), axis=0)
            for occluded, (top, left) in zip(images, batch, strict=True):
                occluded[top : top + size, left : left + size] = OCCLUDER
            for probability, (top, left) in zip(predict(images)[:, label], batch, strict=True):
                falls[top : top + size, left : left + size] += whole - probability
                counts[top : top + size, left : left + size] += 1
            progress.advance(len(batch))
    return falls / counts


def grad_cam(model: keras.Model, image: np.ndarray, label: int) -> np.ndarray:
    """Weight the feature maps before the last pooling by their gradients (Grad-CAM, Selvaraju et al. 2017).

    Returns:
        `(rows, columns)`: the sum over channels of the mean gradient times the feature map, or 0 if that is negative.
    """
    graph = Graph(model)
    if not any(layer.name == "fc8" for layer in graph.layers):
        raise InputError("Grad-CAM needs a classifier, but the network has no fc8; use a network with all its layers.")
    maps = [source for layer in layers_named(model, last_layer(model, POOLINGS)) for source in graph.inputs(layer)]
    network = keras.Model(model.inputs[0], [*(layer.output for layer in maps), model.get_layer("fc8").output])
    with tf.GradientTape() as tape:
        batch = tf.cast(image[None], tf.float32)
        tape.watch(batch)
        *features, logits = network(batch, training=False)
        gradients = tape.gradient(logits[0, label], features)
    total = sum(
        np.tensordot(feature[0], tf.reduce_mean(gradient[0], axis=(0, 1)), axes=1)
        for feature, gradient in zip(features, gradients, strict=True)
    )
    return np.maximum(np.asarray(total, np.float32), 0)
