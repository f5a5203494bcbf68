"""AlexNet as a plain Keras program: the baseline of `benchmark train`."""

from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.architecture import Architecture

SPATIAL_SIZE, SPATIAL_ALPHA, SPATIAL_BETA = 5, 0.001, 0.75  # layers-145.cfg: cnorm2


class ChannelLRN(keras.layers.Layer):
    """Local response normalization by `tf.nn`, which takes half of the window and does not divide alpha."""

    def __init__(self, spec: Architecture, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec

    def call(self, inputs: Any) -> Any:
        spec = self.spec
        alpha = spec.lrn_alpha / spec.lrn_size if spec.lrn_divide_alpha_by_size else spec.lrn_alpha
        return tf.nn.local_response_normalization(
            inputs, depth_radius=spec.lrn_size // 2, bias=spec.lrn_k, alpha=alpha, beta=spec.lrn_beta
        )


class SpatialLRN(keras.layers.Layer):
    """Response normalization within each channel; alpha / 25 times a sum of 25 values is alpha times their mean."""

    def call(self, inputs: Any) -> Any:
        border = SPATIAL_SIZE // 2
        padded = tf.pad(inputs, ((0, 0), (border, border), (border, border), (0, 0)))
        energy = tf.nn.avg_pool2d(padded * padded, SPATIAL_SIZE, 1, "VALID")
        return inputs * (1 + SPATIAL_ALPHA * energy) ** -SPATIAL_BETA


def baseline_model(spec: Architecture, classes: int, input_size: int) -> keras.Model:
    """Build the network of `AlexNet(spec)` from `Conv2D(groups=2)` and TensorFlow's own normalization.

    Args:
        spec: the architecture. Its towers must meet; its normalization spans both towers, as in Caffe.

    Returns:
        A float32 model from images `(B, input_size, input_size, 3)`, 0 to 255, to logits `(B, classes)`.
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
                return ChannelLRN(spec, dtype="float32")(x)
            case "spatial_lrn":
                return SpatialLRN(dtype="float32")(x)
            case _:
                return layers.MaxPooling2D(spec.pool_size, strides=2)(x)

    def conv(number: int, size: int, x: Any, groups: int = 1, **options: Any) -> Any:
        filters = spec.channels[number - 1]
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
    for name, units in zip(("fc6", "fc7"), spec.units, strict=True):
        x = layers.Dense(units, dtype="float32")(x)
        for step in ("batch_normalization", "activation") if spec.batch_normalization else ("activation",):
            x = follow(step, x)
        x = dropout(name, x)
    return keras.Model(images, layers.Dense(classes, dtype="float32")(x))
