"""Set the smallest weights of each kernel to zero, and keep them there (Han, Pool, Tran and Dally 2015)."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from alexnet_keras.config.layer_names import split_tower

# Fractions of AlexNet's weights that the paper keeps (Han, Mao and Dally 2015, table 4).
PAPER_KEPT = {
    "conv1": 0.84,
    "conv2": 0.38,
    "conv3": 0.35,
    "conv4": 0.37,
    "conv5": 0.37,
    "fc6": 0.09,
    "fc7": 0.09,
    "fc8": 0.25,
}


def kernels(model: keras.Model) -> dict[str, tuple[str, Any]]:
    """Layer -> its name in the paper and its kernel; `conv2a` and `conv2b` are both the paper's `conv2`."""
    named = ((layer, split_tower(layer.name)[0]) for layer in model.layers)
    return {layer.name: (name, layer.kernel) for layer, name in named if name in PAPER_KEPT}


def prune(model: keras.Model, kept: Mapping[str, float]) -> None:
    """Set all but the largest weights of each kernel to zero, by magnitude.

    Args:
        kept: the layer's name in the paper -> the fraction of its weights to keep, as in `PAPER_KEPT`.
    """
    for name, kernel in kernels(model).values():
        weights = np.array(kernel.numpy())
        flat = weights.ravel()
        zeros = flat.size - max(1, round(kept[name] * flat.size))
        flat[np.argpartition(np.abs(flat), zeros)[:zeros]] = 0
        kernel.assign(weights)


def freeze_zeros(model: keras.Model) -> None:
    """Keep the zeros of each kernel at zero during training with any optimizer."""
    for _, kernel in kernels(model).values():
        kernel.constraint = ZerosStay(kernel)


class ZerosStay(keras.constraints.Constraint):
    """Keep the zeros that a variable has at construction.

    Each step reads five bytes and writes four for each weight, about a twentieth of a step of 64 images.
    """

    def __init__(self, variable: Any) -> None:
        self.mask = keras.Variable(ops.not_equal(variable, 0), dtype="bool", trainable=False)

    def __call__(self, value: Any) -> Any:
        return ops.where(self.mask, value, ops.zeros((), value.dtype))
