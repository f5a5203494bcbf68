"""Response normalization from operators that TFLite has for 8-bit integers."""

from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.model.response_normalization import (
    LocalResponseNormalization,
    SpatialResponseNormalization,
    window_weights,
)


class IntegerNormalization(keras.layers.Layer):
    """A response normalization in six operators with integer kernels.

    It computes `a * exp(-beta * log(k + scale * sum a ** 2))`. The sum over the window is a matrix multiplication with
    a band matrix or, for a spatial window, a depthwise convolution. Both have the scale as their weights, and k as
    their bias. TFLite computes logarithm and exponential by tables of 256 entries. TFLite's own normalization and
    square need float32, and its reciprocal square root takes 200 times as long as a table.
    """

    def __init__(self, formula: Formula, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.formula = formula

    def call(self, inputs: Any) -> Any:
        energy = self._window(inputs * inputs) + self.formula.k
        return inputs * tf.exp(-self.formula.beta * tf.math.log(energy))

    def _window(self, squares: Any) -> Any:
        weights = window_weights(self.formula, squares.shape[-1])
        if self.formula.spatial:
            return tf.nn.depthwise_conv2d(squares, weights, (1, 1, 1, 1), "SAME")
        return tf.matmul(squares, weights)


def with_integer_operators(model: keras.Model) -> keras.Model:
    """Return the same network over the same weights, with every normalization as an `IntegerNormalization`."""

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, LocalResponseNormalization | SpatialResponseNormalization):
            return IntegerNormalization(layer.formula, name=layer.name)
        return layer

    return keras.models.clone_model(model, clone_function=replace)
