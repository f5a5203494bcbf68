"""The graph of a model says which layers feed which, in both towers."""

import pytest

from alexnet_keras.figures.graph import Graph
from alexnet_keras.system.errors import OptionError


def names(layers):
    return [layer.name for layer in layers]


def test_the_layers_before_a_layer(narrow):
    graph = Graph(narrow)
    (images,) = [layer for layer in graph.layers if not graph.inputs(layer)]
    assert images.name == "images"
    assert names(graph.inputs(narrow.get_layer("mean"))) == ["images"]
    for tower in "ab":
        assert names(graph.inputs(narrow.get_layer(f"conv4{tower}"))) == [f"conv3{tower}"]
    (joined,) = graph.inputs(narrow.get_layer("conv3a"))
    assert names(graph.inputs(joined)) == ["pool2a", "pool2b"]
    assert graph.inputs(narrow.get_layer("conv3b")) == [joined]


def test_a_name_stands_for_both_towers_or_for_one(narrow):
    graph = Graph(narrow)
    assert names(graph.named("conv5")) == ["conv5a", "conv5b"]
    assert names(graph.named("conv5b")) == ["conv5b"]
    assert names(graph.named("fc8")) == ["fc8"]


def test_an_unknown_name_is_refused_with_those_that_exist(narrow):
    with pytest.raises(OptionError, match="The network has no `layer` 'conv9'; choose from images, mean, conv1, "):
        Graph(narrow).named("conv9")
