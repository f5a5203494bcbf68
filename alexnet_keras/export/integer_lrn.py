"""Response normalization in operators that TFLite has for 8-bit integers."""

from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.model.response_normalization import (
    Formula,
    LocalResponseNormalization,
    SpatialResponseNormalization,
    window_weights,
)


class IntegerNormalization(keras.layers.Layer):
    """The same function as a response normalization, in six operators with integer kernels.

    `a * exp(-beta * log(k + scale * sum a ** 2))`: the window's sum is a fully connected layer with ones along the
    diagonal or, within a map, a convolution of each map with ones, and k its bias; logarithm and exponential are tables
    of 256 entries. TFLite's own operator and its square are float32 only, and its reciprocal root takes 200 times as
    long as a table.

    Args:
        formula: the constants.
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
    """The same network over the same weights, every operator of which TFLite can compute in integers."""
    return keras.models.clone_model(model, clone_function=_replace)


def _replace(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, LocalResponseNormalization | SpatialResponseNormalization):
        return IntegerNormalization(layer.formula, name=layer.name)
    return layer
