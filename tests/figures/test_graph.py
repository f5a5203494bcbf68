"""The graph of a model says which layers feed which, in both towers."""

from alexnet_keras.figures.graph import Graph


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
