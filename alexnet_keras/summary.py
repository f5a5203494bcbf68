"""What a network is made of, in numbers: shapes, parameters and multiply-adds, layer by layer."""

import math
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Attributes:
        name: the layer's name.
        shape: of its output, without the batch.
        parameters: weights and biases.
        multiply_adds: of convolutions and products with weights, for one image; nothing else is counted.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def summarize(model: keras.Model) -> list[LayerSummary]:
    """The layers of a functional model, top to bottom."""
    return [
        LayerSummary(layer.name, tuple(layer.output.shape[1:]), layer.count_params(), multiply_adds(layer))
        for layer in model.layers
    ]


def multiply_adds(layer: keras.layers.Layer) -> int:
    """One for each weight and each place where it is used."""
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        places = math.prod(layer.output.shape[1:-1])  # 1 for a dense layer
        return places * math.prod(layer.kernel.shape)
    return 0
