"""The figure of the first layer has a block of kernels for each tower and says whether they are still noise."""

import numpy as np
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import kernels
from alexnet_keras.model.alexnet import AlexNet


def test_filters(network):
    figure = figures.filters(network)
    assert_well_set(figure)
    assert {"tower a", "tower b", "The 8 kernels of the first layer, conv1"} <= set(words(figure))
    assert "most kernels are still noise" in words(figure)[-1].replace("\n", " ")
    assert [image.shape for image in images(figure)] == [(11, 8 * 12 - 1, 3)] * 2


def test_filters_that_are_no_noise_in_one_tower():
    model = AlexNet("one_tower", include_top=False, filters=(4,) * 5, input_shape=(67, 67, 3))
    kernel = np.broadcast_to(np.linspace(-1, 1, 11)[:, None, None, None], (11, 11, 3, 4))
    model.get_layer("conv1").set_weights([kernel, np.zeros(4)])
    found = words(figures.filters(model))
    assert "tower a" not in found
    expected = "The correlation of neighbouring weights is 0.90 (0: noise, 1: smooth)."
    assert found[-1].replace("\n", " ").endswith(expected)


def test_smoothness_of_noise_and_of_blobs():
    random = np.random.default_rng(0)
    assert abs(kernels.smoothness(random.normal(size=(11, 11, 3, 96)))) < 0.12
    ramp = np.linspace(-1, 1, 11)[:, None, None, None] * np.ones((11, 11, 3, 4))
    assert kernels.smoothness(ramp) > 0.6
    assert kernels.smoothness(np.zeros((11, 11, 3, 4))) == 0
