"""Parameters and multiply-adds of every variant at full width, against arithmetic by hand."""

import pytest

from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import summarize, totals, training_operations
from alexnet_keras.training.feature_cache import freeze

PARAMETERS = {  # conv1 to conv5: (weights of a filter + its bias) * filters
    "two towers": [(363 + 1) * 96, (25 * 48 + 1) * 256, (9 * 256 + 1) * 384, (9 * 192 + 1) * 384, (9 * 192 + 1) * 256],
    "one tower": [(363 + 1) * 96, (25 * 96 + 1) * 256, (9 * 256 + 1) * 384, (9 * 384 + 1) * 384, (9 * 384 + 1) * 256],
    "owt": [(363 + 1) * 64, (25 * 64 + 1) * 192, (9 * 192 + 1) * 384, (9 * 384 + 1) * 256, (9 * 256 + 1) * 256],
}
FULLY_CONNECTED = [(36 * 256 + 1) * 4096, (4096 + 1) * 4096, (4096 + 1) * 1000]
LITERATURE = {"two towers": 60_965_224, "one tower": 62_378_344, "owt": 61_100_840}  # all parameters
MULTIPLY_ADDS = {  # positions * weights of a filter * filters; fc6 to fc8 have one position
    "two towers": [
        *(55 * 55 * 363 * 96, 27 * 27 * 25 * 48 * 256, 13 * 13 * 9 * 256 * 384),
        *(13 * 13 * 9 * 192 * 384, 13 * 13 * 9 * 192 * 256, 9216 * 4096 + 4096 * 4096 + 4096 * 1000),
    ],
    "one tower": [
        *(55 * 55 * 363 * 96, 27 * 27 * 25 * 96 * 256, 13 * 13 * 9 * 256 * 384),
        *(13 * 13 * 9 * 384 * 384, 13 * 13 * 9 * 384 * 256, 9216 * 4096 + 4096 * 4096 + 4096 * 1000),
    ],
    "owt": [
        *(55 * 55 * 363 * 64, 27 * 27 * 25 * 64 * 192, 13 * 13 * 9 * 192 * 384),
        *(13 * 13 * 9 * 384 * 256, 13 * 13 * 9 * 256 * 256, 9216 * 4096 + 4096 * 4096 + 4096 * 1000),
    ],
}
STATISTICS = 2 * (96 + 256 + 384 + 384 + 256 + 4096 + 4096)  # a mean and a variance for each unit
SIDES = {"conv1": 55, "norm1": 55, "pool1": 27, "conv2": 27, "norm2": 27, "pool2": 13}
SIDES |= {"conv3": 13, "conv4": 13, "conv5": 13, "pool5": 6}


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_parameters_and_multiply_adds_are_those_of_the_arithmetic(variant, summaries):
    kind = {"one_tower": "one tower", "owt": "owt"}.get(variant, "two towers")
    parameters, multiply_adds = totals(summaries[variant])
    statistics = STATISTICS if variant == "batchnorm" else 0
    assert parameters - statistics == sum(PARAMETERS[kind]) + sum(FULLY_CONNECTED) == LITERATURE[kind]
    assert multiply_adds == sum(MULTIPLY_ADDS[kind])


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_shapes_are_those_of_the_figure(variant, summaries):
    shapes = {row.name: row.shape for row in summaries[variant]}
    for name, side in SIDES.items():
        for tower in "", "a", "b":
            if name + tower in shapes and not (variant == "caffenet" and name.startswith("norm")):
                assert shapes[name + tower][:2] == (side, side), name
    assert shapes["flatten"] == (9216,)
    assert shapes["predictions"] == (1000,)
    if ARCHITECTURES[variant].towers == 2:
        assert [shapes[f"conv{number}b"][2] for number in range(1, 6)] == [48, 128, 192, 192, 128]


def test_training_operations_by_hand(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    forward = {row.name: row.multiply_adds for row in summarize(model)}
    conv1 = forward["conv1a"] + forward["conv1b"]
    assert conv1 == 15 * 15 * 363 * 8
    assert training_operations(model) == 2 * (2 * conv1 + 3 * (sum(forward.values()) - conv1))


def test_frozen_layers_cost_less_operations(tiny):
    """conv1 and conv2 cost one forward pass. conv3 learns, but needs no gradient of its inputs."""
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    freeze(model, "conv2")
    costs = {"conv1": 1, "conv2": 1, "conv3": 2}
    expected = sum(2 * costs.get(row.name.rstrip("ab"), 3) * row.multiply_adds for row in summarize(model))
    assert training_operations(model) == expected
