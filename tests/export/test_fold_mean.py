"""The conv1 that inference computes equals the conv1 that was trained."""

import dataclasses

import keras
import numpy as np
import pytest

from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.export.fold_mean import folded
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.layers import MeanSubtraction


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_the_folded_network_computes_the_same(variant):
    keras.utils.set_random_seed(1)
    spec = dataclasses.replace(ARCHITECTURES[variant], filters=(8, 8, 8, 8, 8), hidden_units=(16, 16))
    size = 68 if spec.conv1_zeros(68) != (0, 0) else 67  # of zeros at one side, if any
    model = AlexNet(spec, classes=5, input_shape=(size, size, 3), mean=(124.0, 90.5, 7.0), initializer="he_normal")
    for layer in model.layers:  # biases are zeros at first, which would hide one that is lost
        if isinstance(layer, keras.layers.Conv2D) and layer.use_bias:
            layer.bias.assign(np.linspace(-1, 1, layer.filters))
    images = np.random.RandomState(0).randint(0, 256, (4, size, size, 3)).astype(np.float32)
    network = folded(model)
    np.testing.assert_allclose(network(images), model(images), rtol=1e-4, atol=1e-6)

    (conv1,) = [layer for layer in network.layers if getattr(layer, "kernel_size", None) == (11, 11)]
    assert type(conv1) is keras.layers.Conv2D
    assert len(conv1._inbound_nodes) == 1  # one call for both towers
    assert conv1.filters == 8
    padded = any(isinstance(layer, keras.layers.ZeroPadding2D) for layer in model.layers)
    assert padded == (variant in ("original", "owt"))
    assert any(isinstance(layer, MeanSubtraction) for layer in network.layers) == padded


def test_the_model_that_is_folded_stays_as_it_is(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    before, names = model.get_weights(), [layer.name for layer in model.layers]
    folded(model)
    assert [layer.name for layer in model.layers] == names
    for value, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, other)
