"""A unit sees the pixels of its receptive field and no others."""

import keras
import numpy as np
import pytest

from alexnet_keras.config.variants import CIFAR
from alexnet_keras.figures.receptive_field import receptive_field, window
from alexnet_keras.inference.features import until
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError

PAPER = {"filters": (2,) * 5, "hidden_units": (2, 2)}


@pytest.mark.parametrize(
    ("layer", "size", "stride", "padding"),
    [("conv1", 11, 4, 0), ("conv2", 51, 8, 16), ("conv3", 99, 16, 32), ("conv4", 131, 16, 48), ("conv5", 163, 16, 64)],
)
def test_receptive_fields_of_the_paper(narrow, layer, size, stride, padding):
    field = receptive_field(narrow, layer)
    assert field(0) == (-padding, size - 1 - padding)
    assert field(3) == (3 * stride - padding, 3 * stride - padding + size - 1)


def test_a_fully_connected_layer_sees_the_whole_image(narrow):
    assert receptive_field(narrow, "fc7")(0) == (0, 226)


def test_receptive_field_of_the_small_network():
    field = receptive_field(AlexNet(CIFAR, filters=(2, 2, 2)), "conv3")
    assert [field(position) for position in (0, 1)] == [(-14, 20), (-10, 24)]


@pytest.mark.parametrize(
    ("variant", "values"),
    [
        *((variant, PAPER) for variant in ("paper", "original", "owt")),
        # An image larger than the field of conv3; an odd side has zeros on both sides of a pooling.
        *((CIFAR, {"filters": (2, 2, 2), "input_shape": (side, side, 3)}) for side in (64, 67)),
    ],
    ids=["paper", "original", "owt", "small", "small, odd side"],
)
def test_a_unit_sees_the_pixels_of_its_receptive_field_and_no_others(variant, values):
    """A row that gets brighter changes the unit if it is the first or the last that the unit sees.

    Positive weights pass an increase through every pooling. In the 2012 code, a further normalization divides the
    outputs of conv2 by those around them: they must fall, so that the quotient at the edge rises.
    """
    model = AlexNet(variant, classes=2, lrn_alpha=0.0, **values)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            falls = variant == "original" and layer.name.startswith("conv2")
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, -0.01 if falls else 0.01), np.full_like(bias, 100.0 * falls)])
    network = until(model, "conv3")
    first, last = receptive_field(model, "conv3")(5)
    side = model.input_shape[1]
    assert 0 < first < last < side - 1
    images = np.full((5, side, side, 3), 128, np.float32)
    for image, row in zip(images[1:], (first, last, first - 1, last + 1), strict=True):
        image[row] = 1e5
    outputs = network.predict(images, verbose=0)[:, 5, 5, 0]
    assert (outputs[1:] != outputs[0]).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("layer", "side", "expected"),
    [
        (keras.layers.MaxPooling2D(3, 2, "same"), 8, (3, 2, 0)),
        (keras.layers.MaxPooling2D(3, 2, "same"), 9, (3, 2, 1)),
        (keras.layers.AveragePooling2D(3, 2), 9, (3, 2, 0)),
        (keras.layers.Conv2D(1, 5, 2, "same"), 8, (5, 2, 1)),
        (keras.layers.Conv2D(1, 5, 1, "same"), 8, (5, 1, 2)),
    ],
)
def test_zeros_before_the_first_position(layer, side, expected):
    layer(keras.Input((side, side, 3)))
    assert window(layer) == expected


def test_a_layer_of_an_unknown_kind():
    layer = keras.layers.UpSampling2D(name="larger")
    expected = "The layer larger of the type UpSampling2D has no known window; choose a layer before it."
    with pytest.raises(InputError, match=expected):
        window(layer)
