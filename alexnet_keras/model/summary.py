"""Shapes, parameters and multiply-adds of a model, layer by layer."""

import math
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class LayerSummary:
    """Size and cost of one layer.

    Attributes:
        parameters: number of weights and biases, and of the moving statistics of batch normalization.
        multiply_adds: multiply-adds of convolutions and fully connected layers for one image; 0 for other layers.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def summarize(model: keras.Model) -> list[LayerSummary]:
    """Summarize the layers of a functional model from top to bottom."""
    return [
        LayerSummary(layer.name, tuple(layer.output.shape[1:]), layer.count_params(), multiply_adds(layer))
        for layer in model.layers
    ]


def totals(layers: list[LayerSummary]) -> tuple[int, int]:
    return sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Count one multiply-add for each weight of a kernel at each position where the kernel is applied."""
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        positions = math.prod(layer.output.shape[1:-1])  # 1 for a fully connected layer
        return positions * math.prod(layer.kernel.shape)
    return 0


def training_operations(model: keras.Model) -> int:
    """Count the floating-point operations of one training step for one image; a multiply-add is two operations.

    A layer costs its forward pass three times: the gradients of its weights and of its inputs cost as much each. A
    frozen layer needs no gradient of its weights, and layers whose inputs depend on no trained weight (conv1, and
    the first ones behind frozen layers) need no gradient of their inputs.
    """
    constant: set[int] = set()  # tensors that do not depend on any trained weight
    operations = 0
    for layer in model.layers:
        sees_constant = all(id(tensor) in constant for tensor in keras.tree.flatten(layer.input))
        learns = bool(layer.trainable_weights)
        if sees_constant and not learns:
            constant.add(id(layer.output))
        operations += 2 * (1 + learns + (not sees_constant)) * multiply_adds(layer)
    return operations
