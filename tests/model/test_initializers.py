"""The initial weights of every initializer."""

import keras
import numpy as np
import pytest

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.model.alexnet import AlexNet

SMALL = {"classes": 40, "filters": (96, 64, 64, 64, 64), "hidden_units": (64, 64)}
FIXED = {  # standard deviations that differ from 0.01, and the bias of conv2, conv4, conv5, fc6 and fc7
    "paper": ({}, 1),
    "original": ({"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}, 1),
    "caffe": ({"fc6": 0.005, "fc7": 0.005}, 0.1),
    "caffenet": ({"fc6": 0.005, "fc7": 0.005}, 1),
}


@pytest.mark.parametrize("initializer", FIXED)
def test_fixed_standard_deviations(initializer):
    stddevs, bias = FIXED[initializer]
    model = AlexNet("paper", initializer=initializer, **SMALL)
    for layer in (layer for layer in model.layers if layer.weights):
        name, _ = split_tower(layer.name)
        kernel = layer.kernel.numpy()
        assert kernel.std() == pytest.approx(stddevs.get(name, 0.01), rel=0.05), name
        assert abs(kernel.mean()) < 1e-3, name
        biased = name in ("conv2", "conv4", "conv5", "fc6", "fc7")
        assert np.all(layer.bias.numpy() == np.float32(bias if biased else 0)), name
    assert model.get_layer("mean").stddev == 1
    assert not np.array_equal(model.get_layer("conv2a").kernel, model.get_layer("conv2b").kernel)


def test_standard_deviations_that_depend_on_the_inputs():
    glorot = AlexNet("paper", initializer="glorot_uniform", **SMALL)
    assert glorot.get_layer("mean").stddev == 64
    limit = np.sqrt(6 / (25 * 48 + 25 * 32))
    assert 0.98 * limit < np.abs(glorot.get_layer("conv2a").kernel).max() <= limit
    torchvision = AlexNet("paper", initializer="torchvision", **SMALL)
    for weight in torchvision.get_layer("conv2a").weights:
        assert 0.8 / np.sqrt(25 * 48) < np.abs(weight).max() <= 1 / np.sqrt(25 * 48)


def test_he_normal_keeps_the_size_of_the_signal():
    model = AlexNet("paper", initializer="he_normal", **SMALL)
    assert model.get_layer("mean").stddev == 64
    assert model.get_layer("fc8").kernel.numpy().std() == pytest.approx(0.01, rel=0.05)
    images = np.random.RandomState(0).randint(0, 256, (2, 227, 227, 3), dtype=np.uint8)
    outputs = [model.get_layer(name).output for name in ("conv1a", "conv5b", "fc7a")]
    for activations in keras.Model(model.input, outputs)(images):
        assert 0.05 < np.std(activations) < 5
