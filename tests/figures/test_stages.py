"""The stages of a network and their connections are those of the paper."""

import pytest

from alexnet_keras.figures import stages
from alexnet_keras.model.alexnet import AlexNet


def sources(variant, **changes):
    model = AlexNet(variant, classes=3, filters=(8,) * 5, hidden_units=(8, 8), input_shape=(67, 67, 3), **changes)
    return {
        stage.name + "ab"[stage.tower or 0]: [name + "ab"[tower or 0] for name, tower in stage.sources]
        for stage in stages.stages(model)
    }


@pytest.mark.parametrize("variant", ["paper", "caffe"])
def test_the_towers_meet_where_the_paper_says(variant):
    found = sources(variant)
    assert found["conv1a"] == found["conv1b"] == ["imagea"]
    assert found["conv2b"] == ["conv1b"]
    assert found["conv3a"] == found["conv3b"] == ["conv2a", "conv2b"]
    assert found["conv4b"] == ["conv3b"]
    assert found["conv5a"] == ["conv4a"]
    assert found["fc6a"] == ["conv5a", "conv5b"]
    assert found["fc7b"] == ["fc6a", "fc6b"]
    assert found["fc8a"] == ["fc7a", "fc7b"]


def test_towers_that_never_meet():
    found = sources("paper", towers_meet=False)
    assert found["conv3b"] == ["conv2b"]
    assert found["fc7a"] == ["fc6a"]
    assert found["fc8a"] == ["fc7a", "fc7b"]


def test_layers_between_the_stages(narrow):
    found = {stage.name: stage for stage in stages.stages(narrow)}
    assert found["conv1"].kernel == (11, 4)
    assert found["conv1"].shape == (55, 55, 4)
    assert found["conv1"].after == ("response norm.", "max pool 3 x 3")
    assert found["conv3"].after == ()
    assert found["conv5"].after == ("max pool 3 x 3",)
    assert found["fc6"].after == ("dropout 0.5",)


def test_average_poolings(small):
    after = {stage.name: stage.after for stage in stages.stages(small)}
    assert [after[name] for name in ("conv1", "conv2", "conv3")] == [
        ("max pool 3 x 3",),
        *[("average pool 3 x 3",)] * 2,
    ]


def test_windows_are_measured_before_the_pooling(narrow, small):
    assert [stage.window for stage in stages.stages(narrow)] == [
        *(None, *[11] * 4, *[7] * 2, *[3] * 4),  # the image, then two towers of conv1, conv2, ...
        *[None] * 5,
    ]
    assert [stage.window for stage in stages.stages(small)] == [None, 5, 11, 11, None]
