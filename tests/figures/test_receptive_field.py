"""A unit sees the pixels of its receptive field and no others."""

import numpy as np
import pytest

from alexnet_keras.figures.receptive_field import receptive_field
from alexnet_keras.inference.features import until
from alexnet_keras.model.alexnet import AlexNet


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


@pytest.mark.parametrize("variant", ["paper", "original", "owt"])
def test_a_unit_sees_the_pixels_of_its_receptive_field_and_no_others(variant):
    """A row that gets brighter changes the unit if it is the first or the last that the unit sees.

    Positive weights pass an increase through every max pooling. In the 2012 code, a further normalization divides the
    outputs of conv2 by those around them: they must fall, so that the quotient at the edge rises.
    """
    model = AlexNet(variant, classes=2, filters=(2,) * 5, hidden_units=(2, 2), lrn_alpha=0.0)
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
