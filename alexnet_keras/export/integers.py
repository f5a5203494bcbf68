"""Local response normalization in operators that TFLite has for 8-bit integers."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.layers import LocalResponseNormalization
from alexnet_keras.normalization import Formula


class IntegerNormalization(keras.layers.Layer):
    """The same function as a `LocalResponseNormalization`, in six operators with integer kernels.

    `a * exp(-beta * log(k + scale * sum a ** 2))`: the window's sum is a fully connected layer with ones along the
    diagonal, whose bias is k; logarithm and exponential are tables of 256 entries. TFLite's own operator and its
    square are float32 only, and its reciprocal root takes 200 times as long as a table.

    Args:
        formula: its constants.
    """

    def __init__(self, formula: Formula, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.formula = formula

    def call(self, inputs: Any) -> Any:
        channels = np.arange(inputs.shape[-1])
        band = self.formula.scale * (np.abs(channels[:, None] - channels) <= self.formula.size // 2)
        energy = tf.matmul(inputs * inputs, band.astype(np.float32)) + self.formula.k
        return inputs * tf.exp(-self.formula.beta * tf.math.log(energy))


def with_integer_operators(model: keras.Model) -> keras.Model:
    """The same network over the same weights, every operator of which TFLite can compute in integers."""
    return keras.models.clone_model(model, clone_function=_replace)


def _replace(layer: keras.layers.Layer) -> keras.layers.Layer:
    if not isinstance(layer, LocalResponseNormalization):
        return layer
    scale = layer.alpha / layer.size if layer.divide_alpha_by_size else layer.alpha
    return IntegerNormalization(Formula(layer.size, layer.k, scale, layer.beta), name=layer.name)
