"""The network written the obvious way: what our figures are compared with."""

from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.architecture import Architecture


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


@keras.saving.register_keras_serializable(package="alexnet_keras")
class SpatialEnergy(keras.layers.Layer):
    """The normalization within each map, by an average: 0.001 / 25 times a sum of 25 is 0.001 times their mean."""

    def call(self, inputs: Any) -> Any:
        padded = tf.pad(inputs, ((0, 0), (2, 2), (2, 2), (0, 0)))
        return inputs * (1 + 0.001 * tf.nn.avg_pool2d(padded * padded, 5, 1, "VALID")) ** -0.75


def naive_model(spec: Architecture, classes: int, input_size: int) -> keras.Model:
    """The network of `AlexNet(spec)` as most people write it: `Conv2D(groups=2)` and TensorFlow's own normalization.

    Args:
        spec: what to build; towers that meet. Normalization spans both of them, as in Caffe.
        classes: number of classes.
        input_size: side of the images in pixels.

    Returns:
        A model from `(B, input_size, input_size, 3)`, 0..255, to logits `(B, classes)`, in float32.
    """
    assert spec.towers_meet
    layers = keras.layers

    def follow(step: str, x: Any) -> Any:
        match step:
            case "activation":
                return layers.Activation(spec.activation, dtype="float32")(x)
            case "batch_normalization":
                return layers.BatchNormalization(center=False, scale=False, dtype="float32")(x)
            case "lrn":
                return ReadyMadeNormalization(spec, dtype="float32")(x)
            case "spatial_lrn":
                return SpatialEnergy(dtype="float32")(x)
            case _:
                return layers.MaxPooling2D(spec.pool_size, strides=2)(x)

    def conv(number: int, size: int, x: Any, groups: int = 1, **options: Any) -> Any:
        filters = spec.filters[number - 1]
        x = layers.Conv2D(filters, size, groups=groups, dtype="float32", **{"padding": "same", **options})(x)
        for step in spec.stages[number - 1]:
            x = follow(step, x)
        return x

    def dropout(after: str, x: Any) -> Any:
        return layers.Dropout(spec.dropout if after in spec.dropout_layers else 0.0)(x)

    images = keras.Input((input_size, input_size, 3))
    x = layers.Rescaling(1 / 64, offset=-115 / 64, dtype="float32")(images)
    x = layers.ZeroPadding2D((spec.conv1_zeros(input_size),) * 2, dtype="float32")(x)
    x = conv(1, 11, x, strides=4, padding="valid")
    x = conv(2, 5, x, groups=spec.towers)
    x = conv(3, 3, x)
    x = conv(4, 3, x, groups=spec.towers)
    x = conv(5, 3, x, groups=spec.towers)
    x = dropout("pool5", layers.Flatten()(x))
    for name, units in zip(("fc6", "fc7"), spec.hidden_units, strict=True):
        x = layers.Dense(units, dtype="float32")(x)
        for step in ("batch_normalization", "activation") if spec.batch_normalization else ("activation",):
            x = follow(step, x)
        x = dropout(name, x)
    return keras.Model(images, layers.Dense(classes, dtype="float32")(x))
