"""What every model file must take and return, checked once for all formats."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.system.errors import InputError

MOST_ELEMENTS = 2**27  # of one array: three times the largest one of the network, for images of 256 pixels


class Port(NamedTuple):
    """An input or output of a model.

    Attributes:
        shape: its sides; one that is free is no integer.
        dtype: the name of its type, such as `float32`.
    """

    shape: Sequence[Any]
    dtype: str = "float32"

    def __str__(self) -> str:
        sides = (str(side) if isinstance(side, int) else "any" for side in self.shape)
        return f"{self.dtype} ({', '.join(sides)})"


def image_side(model: str, inputs: Sequence[Port]) -> int:
    """The side in pixels of the images that a model takes."""
    if len(inputs) == 1 and len(inputs[0].shape) == 4:
        batch, height, width, channels = inputs[0].shape
        fixed = isinstance(height, int) and isinstance(width, int) and min(height, width) > 0
        if fixed and channels == 3 and batch != 0 and inputs[0].dtype in ("float32", "uint8"):
            if height != width or height > STORED_SIZE:
                raise InputError(
                    f"The model {model} takes images of {height} x {width} pixels, but images are cropped to squares "
                    f"of at most {STORED_SIZE}; use a model with such an input."
                )
            return height
    raise InputError(
        f"The model {model} takes {' and '.join(map(str, inputs)) or 'nothing'}, but a classifier of images takes one "
        "input of float32 (any, side, side, 3); use another model."
    )


def check_classes(model: str, outputs: Sequence[Port], class_names: Sequence[str]) -> None:
    """Check that a model returns one batch of probabilities, and that each of its classes has a name."""
    if len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].dtype not in ("float32", "uint8"):
        raise InputError(
            f"The model {model} returns {' and '.join(map(str, outputs)) or 'nothing'}, but a classifier returns one "
            "output of float32 (any, classes); use another model."
        )
    if outputs[0].shape[1] != len(class_names):
        raise InputError(
            f"The model {model} has {len(class_names)} class names, but returns {outputs[0]}; export it again."
        )


def check_elements(model: str, shapes: Iterable[Sequence[int]]) -> None:
    """Check the declared sizes of arrays, before memory is allocated for them.

    Args:
        shapes: a shape for each array; a free side is 0 or -1.
    """
    for shape in shapes:
        if math.prod(max(side, 1) for side in shape) > MOST_ELEMENTS:
            raise InputError(
                f"{model} declares an array of {' x '.join(map(str, shape))} numbers, more than the limit of "
                f"{MOST_ELEMENTS:,}; copy or export it again."
            )
