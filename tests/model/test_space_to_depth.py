"""SpaceToDepthConv2D against the strided convolution of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from alexnet_keras.model.space_to_depth import SpaceToDepthConv2D


@pytest.mark.parametrize("side", [(11, 11), (12, 15), (67, 67), (227, 224), (23, 30)])
@pytest.mark.parametrize(("kernel", "stride"), [(11, 4), (3, 2), (4, 4), (2, 3), (5, 1)])
def test_space_to_depth_convolution_equals_the_strided_one(side, kernel, stride):
    x = np.random.RandomState(3).normal(size=(2, *side, 3)).astype("float32")
    plain = keras.layers.Conv2D(6, kernel, strides=stride, bias_initializer="ones", activation="relu")
    blocked = SpaceToDepthConv2D(6, kernel, strides=stride, activation="relu")
    expected = plain(x)
    blocked.build(x.shape)
    blocked.set_weights(plain.get_weights())
    result = blocked(x)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_space_to_depth_convolution_has_the_gradient_of_the_strided_one():
    x = tf.Variable(np.random.RandomState(4).normal(size=(2, 31, 31, 3)).astype("float32"))
    layers = keras.layers.Conv2D(4, 11, strides=4), SpaceToDepthConv2D(4, 11, strides=4)
    layers[0].build(x.shape)
    layers[1].build(x.shape)
    layers[1].set_weights(layers[0].get_weights())
    gradients = []
    for layer in layers:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(x)))
        gradients.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    for first, second in zip(*gradients, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strides": (2, 4)}, r"strides=\(2, 4\)"),
        ({"strides": 4, "padding": "same"}, "padding='same'"),
        ({"groups": 2}, "groups=2"),
        ({"dilation_rate": 2}, r"dilation_rate=\(2, 2\)"),
        ({"data_format": "channels_first"}, "data_format='channels_first'"),
    ],
)
def test_space_to_depth_convolution_refuses_what_it_cannot_compute(arguments, message):
    with pytest.raises(ValueError, match=f"SpaceToDepthConv2D cannot compute {message}; use keras.layers.Conv2D"):
        SpaceToDepthConv2D(4, 11, **arguments)
