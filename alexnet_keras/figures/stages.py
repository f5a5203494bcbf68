"""The stages of a network, read from its graph: what each layer with a kernel computes, and from which layers."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras

from alexnet_keras.config.layer_names import split_tower
from alexnet_keras.figures.graph import Graph
from alexnet_keras.figures.receptive_field import window
from alexnet_keras.model.layers import TowerChannels
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization

IMAGE = "image"


@dataclass(frozen=True)
class Stage:
    """A layer with a kernel in one tower, or the image.

    Attributes:
        name: `image`, `conv1`, ..., `fc8`.
        tower: 0 or 1; `None` if the layer belongs to no tower.
        kernel: side and stride of a convolution's kernel; `None` for other stages.
        window: how many rows of its sources a unit of a convolution sees, through the poolings between; else `None`.
        sources: name and tower of the stages whose outputs the stage takes.
        after: the layers between this stage and the next ones, in words.
    """

    name: str
    tower: int | None
    shape: tuple[int, ...]
    kernel: tuple[int, int] | None
    window: int | None
    sources: tuple[tuple[str, int | None], ...]
    after: tuple[str, ...]


def stages(model: keras.Model) -> list[Stage]:
    """Read the stages of a model from the image to its output."""
    graph = Graph(model)
    after: dict[str, dict[str, None]] = {}  # ordered sets
    for layer in graph.layers:
        if words := in_words(layer):
            for name, _ in _sources(graph, layer):
                after.setdefault(name, {})[words] = None
    image = Stage(IMAGE, None, tuple(model.input_shape[1:]), None, None, (), ())
    found = [image]
    for layer in graph.layers:
        if hasattr(layer, "kernel"):
            name, tower = split_tower(layer.name)
            convolution = isinstance(layer, keras.layers.Conv2D)
            kernel = (layer.kernel_size[0], layer.strides[0]) if convolution else None
            seen = _window(graph, layer) if convolution else None
            shape, sources = tuple(layer.output.shape[1:]), tuple(dict.fromkeys(_sources(graph, layer)))
            found.append(Stage(name, tower, shape, kernel, seen, sources, tuple(after.get(name, ()))))
    return found


def _window(graph: Graph, layer: keras.layers.Layer, rows: int = 1) -> int:
    """Return how many rows of the nearest stage before a layer are seen by so many rows of the layer."""
    size, stride, _ = window(layer)
    rows = (rows - 1) * stride + size
    source = graph.inputs(layer)[0]
    is_stage = isinstance(source, keras.layers.InputLayer) or hasattr(source, "kernel")
    return rows if is_stage else _window(graph, source, rows)


def _sources(graph: Graph, layer: keras.layers.Layer, only: int | None = None) -> Iterator[tuple[str, int | None]]:
    """Yield the nearest stages before a layer, nothing else of the other tower if one tower's channels are selected."""
    for source in graph.inputs(layer):
        if isinstance(source, keras.layers.InputLayer):
            yield IMAGE, None
        elif hasattr(source, "kernel"):
            name, tower = split_tower(source.name)
            if only is None or tower in (None, only):
                yield name, tower
        else:
            yield from _sources(graph, source, source.tower if isinstance(source, TowerChannels) else only)


def in_words(layer: keras.layers.Layer) -> str:
    """Describe a layer without a kernel; the empty string for layers that a diagram leaves out."""
    match layer:
        case LocalResponseNormalization():
            return "response norm."
        case SpatialResponseNormalization():
            return "spatial norm."
        case keras.layers.BatchNormalization():
            return "batch norm."
        case keras.layers.MaxPooling2D():
            return f"max pool {layer.pool_size[0]} x {layer.pool_size[0]}"
        case keras.layers.AveragePooling2D():
            return f"average pool {layer.pool_size[0]} x {layer.pool_size[0]}"
        case keras.layers.Dropout():
            return f"dropout {layer.rate:g}"
    return ""
