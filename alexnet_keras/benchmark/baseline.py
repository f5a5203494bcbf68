"""AlexNet as a plain Keras program: the baseline of `benchmark train`."""

from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.layer_names import HIDDEN_LAYERS
from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.model.response_normalization import SpatialResponseNormalization


class ResponseNormalization(keras.layers.Layer):
    """Response normalization by TensorFlow's own operators."""

    def __init__(self, formula: Formula, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.formula = formula

    def call(self, inputs: Any) -> Any:
        size, k, scale, beta = self.formula.size, self.formula.k, self.formula.scale, self.formula.beta
        border = size // 2
        if not self.formula.spatial:
            return tf.nn.local_response_normalization(inputs, border, k, scale, beta)
        padded = tf.pad(inputs, ((0, 0), (border, border), (border, border), (0, 0)))
        return inputs * (k + scale * size**2 * tf.nn.avg_pool2d(padded * padded, size, 1, "VALID")) ** -beta


def baseline_model(spec: Architecture, classes: int, input_size: int) -> keras.Model:
    """Build the network of `AlexNet(spec)` from `Conv2D(groups=2)` and TensorFlow's own normalization.

    Args:
        spec: the architecture. Its towers must meet; its normalization spans both towers, as in Caffe.

    Returns:
        A float32 model from images `(B, input_size, input_size, 3)`, 0 to 255, to logits `(B, classes)`.
    """
    assert spec.towers_meet
    layers = keras.layers
    lrn = Formula.across_channels(*spec.lrn_constants)

    def follow(step: str, x: Any) -> Any:
        match step:
            case "activation":
                return layers.Activation(spec.activation, dtype="float32")(x)
            case "batch_normalization":
                return layers.BatchNormalization(center=False, scale=False, dtype="float32")(x)
            case "lrn":
                return ResponseNormalization(lrn, dtype="float32")(x)
            case "spatial_lrn":
                return ResponseNormalization(SpatialResponseNormalization().formula, dtype="float32")(x)
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
    for name, units in zip(HIDDEN_LAYERS, spec.units, strict=True):
        x = layers.Dense(units, dtype="float32")(x)
        for step in ("batch_normalization", "activation") if spec.batch_normalization else ("activation",):
            x = follow(step, x)
        x = dropout(name, x)
    return keras.Model(images, layers.Dense(classes, dtype="float32")(x))
