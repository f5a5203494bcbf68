"""The pixels that a unit sees, computed from the kernels, strides and paddings of the layers below it."""

from collections.abc import Callable

import keras

from alexnet_keras.figures.graph import Graph
from alexnet_keras.inference.keras_model import layers_named
from alexnet_keras.model.response_normalization import SpatialResponseNormalization

Field = Callable[[int], tuple[int, int]]  # a position along one side of a feature map -> its first and last pixel


def receptive_field(model: keras.Model, layer: str) -> Field:
    """Return the receptive field of a layer's units along one side of the image; both sides are equal.

    Returns:
        A function from the position of a unit to the first and the last pixel that it sees. They lie outside the image
        where the unit sees zeros beside it. The position of a unit of a fully connected layer is 0.
    """
    graph = Graph(model)
    end = layers_named(model, layer)[0]
    image = model.input_shape[1]

    def field(layer: keras.layers.Layer, first: int, last: int) -> tuple[int, int]:
        if isinstance(layer, keras.layers.InputLayer):
            return first, last
        if len(layer.output.shape) == 2:  # a vector, which is made from all positions
            return 0, image - 1
        size, stride, before = window(layer)
        fields = [
            field(source, first * stride - before, last * stride - before + size - 1) for source in graph.inputs(layer)
        ]
        return min(start for start, _ in fields), max(stop for _, stop in fields)

    return lambda position: field(end, position, position)


def window(layer: keras.layers.Layer) -> tuple[int, int, int]:
    """Return the size of a layer's window, its stride, and the number of zeros before the first position."""
    match layer:
        case keras.layers.Conv2D():
            size, stride = layer.kernel_size[0], layer.strides[0]
            return size, stride, (size - 1) // 2 if layer.padding == "same" else 0
        case keras.layers.MaxPooling2D():
            return layer.pool_size[0], layer.strides[0], 0
        case keras.layers.ZeroPadding2D():
            return 1, 1, layer.padding[0][0]
        case SpatialResponseNormalization():
            return layer.size, 1, layer.size // 2
    return 1, 1, 0  # layers that compute each position by itself
