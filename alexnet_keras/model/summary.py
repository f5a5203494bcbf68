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
        parameters: weights and biases, and the statistics of batch normalization.
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


def totals(layers: list[LayerSummary]) -> tuple[int, int]:
    """Parameters and multiply-adds of all layers together."""
    return sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)


def multiply_adds(layer: keras.layers.Layer) -> int:
    """One for each weight and each place where it is used."""
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        indices = math.prod(layer.output.shape[1:-1])  # 1 for a dense layer
        return indices * math.prod(layer.kernel.shape)
    return 0


def training_operations(model: keras.Model) -> int:
    """Floating-point operations of one training step for one image, a multiply-add counted as two.

    The forward pass, and as much again for the gradients of the weights and of the activities; nothing needs the
    gradient with respect to the image, so that layers that see the image (conv1) count twice and not three times.
    """
    without_gradient: set[int] = set()  # tensors that no weight has had a part in
    operations = 0
    for layer in model.layers:
        inputs = keras.tree.flatten(layer.input)
        of_image = all(id(tensor) in without_gradient for tensor in inputs)
        if of_image and not layer.weights:
            without_gradient.add(id(layer.output))
        operations += 2 * (2 if of_image else 3) * multiply_adds(layer)
    return operations
