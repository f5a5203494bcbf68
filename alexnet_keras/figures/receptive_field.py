"""The pixels that a unit sees, computed from the kernels, strides and paddings of the layers below it."""

from collections.abc import Callable

import keras

from alexnet_keras.figures.graph import Graph
from alexnet_keras.inference.keras_model import layers_named
from alexnet_keras.model.layers import MeanSubtraction, TowerChannels
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization
from alexnet_keras.system.errors import InputError

POINTWISE = (  # layers that compute each position by itself
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dropout,
    LocalResponseNormalization,
    MeanSubtraction,
    TowerChannels,
)
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
            return _strided(layer, layer.kernel_size[0])
        case keras.layers.MaxPooling2D() | keras.layers.AveragePooling2D():
            return _strided(layer, layer.pool_size[0])
        case keras.layers.ZeroPadding2D():
            return 1, 1, layer.padding[0][0]
        case SpatialResponseNormalization():
            return layer.size, 1, layer.size // 2
    if not isinstance(layer, POINTWISE):
        raise InputError(
            f"The layer {layer.name} of the type {type(layer).__name__} has no known window; choose a layer before it."
        )
    return 1, 1, 0


def _strided(layer: keras.layers.Layer, size: int) -> tuple[int, int, int]:
    stride = layer.strides[0]
    if layer.padding != "same":
        return size, stride, 0
    zeros = (layer.output.shape[1] - 1) * stride + size - layer.input.shape[1]  # the last one of an odd number is after
    return size, stride, max(0, zeros) // 2
