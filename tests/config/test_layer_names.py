"""Names of layers and of their towers."""

import pytest

from alexnet_keras.config.layer_names import (
    CONVOLUTIONS,
    LAYERS,
    in_tower,
    is_frozen,
    is_weighted,
    number_of,
    split_tower,
)
from alexnet_keras.model.alexnet import AlexNet


@pytest.mark.parametrize("layer", [*LAYERS, "norm2"])
def test_a_layer_of_a_tower(layer):
    assert split_tower(layer) == (layer, None)
    assert [split_tower(in_tower(layer, tower)) for tower in (0, 1)] == [(layer, 0), (layer, 1)]


@pytest.mark.parametrize("name", ["mean", "data", "conv", "conv1c", "concatenate_a"])
def test_a_name_without_a_tower(name):
    assert split_tower(name) == (name, None)


@pytest.mark.parametrize(("name", "number"), [("conv1", 1), ("conv5b", 5), ("batchnorm2a", 2), ("fc8", 8)])
def test_the_number_of_a_layer(name, number):
    assert number_of(name) == number


@pytest.mark.parametrize("name", ["mean", "conv", "pool1", "conv1c", "conv11", "xconv1", "conv1_on_the_second"])
def test_layers_without_weights(name):
    assert not is_weighted(name)


@pytest.mark.parametrize(
    ("last", "frozen"),
    [
        ("none", []),
        ("conv1", ["conv1", "conv1b", "batchnorm1"]),
        ("conv5", ["conv1", "conv1b", "batchnorm1", "conv5a"]),
    ],
)
def test_frozen_layers(last, frozen):
    names = ["images", "mean", "conv1", "conv1b", "batchnorm1", "pool1", "conv5a", "batchnorm6", "fc6", "predictions"]
    assert [name for name in names if is_frozen(name, last)] == frozen


def test_the_names_of_a_model():
    model = AlexNet("paper", classes=3, filters=(2,) * 5, hidden_units=(2, 2))
    weighted = [split_tower(layer.name) for layer in model.layers if layer.weights]
    assert {name for name, _ in weighted} == set(LAYERS)
    assert all(is_weighted(layer.name) for layer in model.layers if layer.weights)
    assert [tower for name, tower in weighted if name in CONVOLUTIONS] == [0, 1] * 5
