"""The diagram of a network has the shapes and kernels of its layers."""

import pytest
from support.drawings import assert_well_set, words

from alexnet_keras import figures
from alexnet_keras.model.alexnet import AlexNet


@pytest.mark.parametrize("variant", ["paper", "original", "one_tower", "batchnorm"])
def test_architecture(variant):
    model = AlexNet(variant, classes=5, filters=(16, 32, 48, 48, 32), hidden_units=(64, 32))
    figure = figures.architecture(model)
    assert_well_set(figure)
    found = words(figure)
    towers = 1 if variant == "one_tower" else 2
    assert found.count(f"13 x 13 x {48 // towers}") == 2 * towers
    assert found.count(f"55 x 55 x {16 // towers}") == towers
    assert "5" in found
    assert any(text.startswith("11 x 11, stride 4\n") for text in found)


def test_a_model_with_a_name_of_its_own_has_no_variant(tiny):
    figure = figures.architecture(AlexNet(tiny, classes=3, input_shape=(67, 67, 3), name="mine"))
    assert "AlexNet: 0.0 million parameters" in words(figure)
