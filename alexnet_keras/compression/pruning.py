"""Pruning by magnitude (Han, Pool, Tran and Dally 2015): a kernel's smallest weights become zero and stay zero."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from alexnet_keras.config.layer_names import split_tower

# Share of the weights that the paper keeps of AlexNet (Han, Mao and Dally 2015, table 4).
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
    """Layer -> its name in the paper and its kernel; the towers' `conv2a` and `conv2b` are both the paper's `conv2`."""
    found = {}
    for layer in model.layers:
        stem, _ = split_tower(layer.name)
        if stem in PAPER_KEPT:
            found[layer.name] = (stem, layer.kernel)
    return found


def prune(model: keras.Model, kept: Mapping[str, float]) -> None:
    """Zero all but the largest weights of every kernel, by their magnitude.

    Args:
        model: an AlexNet; changed in place.
        kept: share of the weights to keep by the layer's name in the paper, as `PAPER_KEPT` has it.
    """
    for name, kernel in kernels(model).values():
        weights = np.array(kernel.numpy())
        flat = weights.ravel()
        zeros = flat.size - max(1, round(kept[name] * flat.size))
        flat[np.argpartition(np.abs(flat), zeros)[:zeros]] = 0
        kernel.assign(weights)


def freeze_zeros(model: keras.Model) -> None:
    """Let what is zero in a kernel stay zero through the steps of any optimizer."""
    for _, kernel in kernels(model).values():
        kernel.constraint = ZerosStay(kernel)


class ZerosStay(keras.constraints.Constraint):
    """Keeps the zeros that a variable has when this is made.

    A pass that reads a byte and four of each weight and writes four: of a step of 64 images, about a twentieth.
    """

    def __init__(self, variable: Any) -> None:
        self.mask = keras.Variable(ops.not_equal(variable, 0), dtype="bool", trainable=False)

    def __call__(self, value: Any) -> Any:
        return ops.where(self.mask, value, ops.zeros((), value.dtype))
