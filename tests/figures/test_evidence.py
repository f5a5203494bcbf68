"""Occlusion and Grad-CAM find evidence whose place can be known without the code."""

import keras
import numpy as np
import pytest

from alexnet_keras.figures import evidence
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.layers import Predictions
from alexnet_keras.system.errors import InputError, OptionError


def planted(side=40):
    image = np.zeros((side, side, 3), np.uint8)
    image[25:31, 8:14] = 255
    return image


def brightness(images):
    """Probabilities of "bright" and "dark" that count the white pixels of planted images."""
    bright = (images == 255).mean(axis=(1, 2, 3)) / (36 / 1600)
    return np.stack([bright, 1 - bright], axis=1)


def test_occlusion_finds_a_planted_bright_patch():
    calls = []

    def predict(images):
        calls.append(len(images))
        return brightness(images)

    fall = evidence.occlusion_map(predict, planted(), label=0, size=6, stride=1)
    row, column = np.unravel_index(fall.argmax(), fall.shape)
    assert 25 <= row < 31
    assert 8 <= column < 14
    assert fall[:15].max() == 0
    assert fall[28, 11] > 0.5
    assert max(calls) == evidence.BATCH_SIZE
    assert sum(calls) == 1 + 35**2


def test_the_square_reaches_both_borders():
    image = planted()
    fall = evidence.occlusion_map(brightness, image, label=0, size=12, stride=12)
    assert np.isfinite(fall).all()  # every pixel is covered at least once


@pytest.mark.parametrize(
    ("size", "stride", "message"),
    [
        (40, 5, "`size` must be 1 to 39 for an image of 40 pixels, got 40."),
        (0, 5, "`size` must be 1 to 39"),
        (8, 9, "`stride` must be 1 to 8, the size of the square, got 9."),
    ],
)
def test_squares_that_do_not_fit(size, stride, message):
    with pytest.raises(OptionError, match=message):
        evidence.occlusion_map(brightness, planted(), 0, size, stride)


def test_grad_cam_by_hand():
    """Two feature maps, red and green. fc8 weights them by 3 and -1 at each of the four positions after pooling."""
    images = keras.Input((4, 4, 3))
    kernel = np.array([[[[1.0, 0], [0, 1], [0, 0]]]])  # (1, 1, 3, 2)
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="conv5")(images)
    pooled = keras.layers.MaxPooling2D(2, name="pool5")(maps)
    logits = keras.layers.Dense(2, use_bias=False, name="fc8")(keras.layers.Flatten()(pooled))
    model = keras.Model(images, Predictions(name="predictions")(logits))
    model.get_layer("conv5").set_weights([kernel])
    weights = np.zeros((8, 2))
    weights[::2, 1], weights[1::2, 1] = 3, -1
    model.get_layer("fc8").set_weights([weights])
    image = np.zeros((4, 4, 3), np.float32)
    image[0, 0, 0], image[3, 3, 1] = 8, 8
    # Each pooled value passes its gradient to one of 16 positions: the means are 4 * 3 / 16 and 4 * -1 / 16.
    expected = np.zeros((4, 4))
    expected[0, 0] = 8 * 4 * 3 / 16  # the green pixel's share, 8 * -4 / 16, is negative and counts as 0
    np.testing.assert_allclose(evidence.grad_cam(model, image, 1), expected, rtol=1e-6)


def test_grad_cam_of_a_network_without_a_classifier(tiny):
    model = AlexNet(tiny, include_top=False, input_shape=(67, 67, 3))
    with pytest.raises(InputError, match="the network has no fc8; use a network with all its layers"):
        evidence.grad_cam(model, np.zeros((67, 67, 3)), 0)


def test_grad_cam_of_the_small_network_uses_its_last_pooling(small):
    assert evidence.grad_cam(small, np.zeros((32, 32, 3), np.uint8), 0).shape == (8, 8)
