"""The network written the obvious way: what our figures are compared with."""

from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.architecture import Architecture
from alexnet_keras.model import SMALLEST_INPUT


@keras.saving.register_keras_serializable(package="alexnet_keras")
class ReadyMadeNormalization(keras.layers.Layer):
    """`tf.nn.local_response_normalization`, which takes a half width and does not divide alpha."""

    def __init__(self, spec: Architecture, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec

    def call(self, inputs: Any) -> Any:
        spec = self.spec
        alpha = spec.lrn_alpha / spec.lrn_size if spec.lrn_divide_alpha_by_size else spec.lrn_alpha
        return tf.nn.local_response_normalization(
            inputs, depth_radius=spec.lrn_size // 2, bias=spec.lrn_k, alpha=alpha, beta=spec.lrn_beta
        )


def naive_model(spec: Architecture, classes: int, input_size: int) -> keras.Model:
    """The network of `AlexNet(spec)` as most people write it: `Conv2D(groups=2)` and TensorFlow's own normalization.

    Args:
        spec: what to build. Normalization spans both towers, as in Caffe.
        classes: number of classes.
        input_size: side of the images in pixels, at least 67.

    Returns:
        A model from `(B, input_size, input_size, 3)`, 0..255, to logits `(B, classes)`, in float32.
    """
    assert input_size >= SMALLEST_INPUT
    layers = keras.layers

    def conv(filters: int, size: int, x: Any, groups: int = 1, **options: Any) -> Any:
        options = {"padding": "same", **options}
        return layers.Conv2D(filters, size, groups=groups, activation="relu", dtype="float32", **options)(x)

    images = keras.Input((input_size, input_size, 3))
    x = layers.Rescaling(1 / 64, offset=-115 / 64, dtype="float32")(images)
    x = conv(spec.filters[0], 11, x, strides=4, padding="valid")
    x = ReadyMadeNormalization(spec, dtype="float32")(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = conv(spec.filters[1], 5, x, groups=spec.towers)
    x = ReadyMadeNormalization(spec, dtype="float32")(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = conv(spec.filters[2], 3, x)
    x = conv(spec.filters[3], 3, x, groups=spec.towers)
    x = conv(spec.filters[4], 3, x, groups=spec.towers)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = layers.Flatten()(x)
    for units in spec.hidden_units:
        x = layers.Dense(units, activation="relu", dtype="float32")(x)
        x = layers.Dropout(spec.dropout)(x)
    return keras.Model(images, layers.Dense(classes, dtype="float32")(x))
