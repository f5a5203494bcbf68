"""Arrays of NumPy in a pickle, which is interpreted without NumPy's functions for it."""

import math
import re
from typing import Any

import numpy as np

from alexnet_keras.weights.pickles import DamageError, Functions, Opaque, checked

MOST_SIDES = 8


class PickledType:
    """A data type: a number of a fixed size, or Python objects (`O`)."""

    def __init__(self, code: str) -> None:
        self.dtype = np.dtype(code)

    def build(self, state: Any) -> None:
        order = checked(state, tuple)[1]
        if isinstance(order, str) and order == ">":
            self.dtype = self.dtype.newbyteorder(">")


class PickledArray:
    """An array, which is empty until the pickle gives it its shape, type and values."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = (0,)
        self.dtype = np.dtype(np.float32)
        self.is_fortran = False
        self.content: Any = b""

    def build(self, state: Any) -> None:
        _, shape, kind, self.is_fortran, self.content = checked(state, tuple)
        self.shape = checked(shape, tuple)
        self.dtype = checked(kind, PickledType).dtype

    @property
    def size(self) -> int:
        return len(self.content)

    def objects(self) -> list[Any]:
        return checked(self.content, list)

    def values(self) -> np.ndarray:
        """The numbers in the array.

        Raises:
            DamageError: it has Python objects, or other values than its shape says.
        """
        content = self.content
        if isinstance(content, str):  # Python 2 has no bytes
            content = content.encode("latin-1")
        sides = all(isinstance(side, int) and side >= 0 for side in self.shape[: MOST_SIDES + 1])
        if not sides or len(self.shape) > MOST_SIDES or self.dtype.hasobject:
            raise DamageError("has an array of Python objects or of a wrong shape where weights are numbers")
        if math.prod(self.shape) * self.dtype.itemsize != len(checked(content, bytes)):
            raise DamageError(f"has an array of shape {self.shape} and type {self.dtype} of {len(content):,} bytes")
        return np.frombuffer(content, self.dtype).reshape(self.shape, order="F" if self.is_fortran else "C")


def _make_type(code: Any, *_: Any) -> PickledType | Opaque:
    is_known = isinstance(code, str) and re.fullmatch("[fiu][1248]|O8?", code)
    return PickledType(code[:1] if code[:1] == "O" else code) if is_known else Opaque("numpy.dtype")


def _encode(text: Any, encoding: Any) -> bytes:
    """Make the bytes that Python 3 writes as text if a pickle has the format of Python 2."""
    if not isinstance(encoding, str) or encoding != "latin1":
        raise DamageError("has bytes in another encoding than latin1")
    return checked(text, str).encode("latin-1")


NUMPY_FUNCTIONS: Functions = {
    "numpy.dtype": _make_type,
    "numpy.core.multiarray._reconstruct": lambda *_: PickledArray(),
    "numpy._core.multiarray._reconstruct": lambda *_: PickledArray(),
    "_codecs.encode": _encode,
}
