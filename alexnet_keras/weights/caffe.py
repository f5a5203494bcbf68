"""Read the blobs of a .caffemodel of Caffe: the few fields of its protocol buffer messages that contain them."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import read_bytes
from alexnet_keras.weights.sizes import UNPACKED_BYTES

# Numbers of fields in caffe.proto of BVLC/caffe. NetParameter has its layers in `layer`, or in `layers` before 2015.
LAYER, OLD_LAYER = 100, 2
V0_LAYER = 1  # of V1LayerParameter: a whole layer of 2013
LAYER_NAME, LAYER_BLOBS = {LAYER: 1, OLD_LAYER: 4}, {LAYER: 7, OLD_LAYER: 6}
SIDES, DATA, SHAPE, DOUBLE_DATA = (1, 2, 3, 4), 5, 7, 8  # of BlobProto; before blobs had shapes, they had four sides
DIM = 1  # of BlobShape
MOST_FIELDS = 100_000  # of all messages in a file; bvlc_alexnet has fewer than 1,000
MOST_SIDES = 8

Fields = Iterator[tuple[int, Any]]  # number and value: an integer, or the bytes of a string, message or packed array


class _Messages:
    """Reads messages without a copy of their values, and gives up after `MOST_FIELDS`.

    A library for protocol buffers makes an object of each field, so a file of empty messages would take many times its
    size in memory.
    """

    def __init__(self) -> None:
        self.left = MOST_FIELDS

    def fields(self, message: memoryview) -> Fields:
        position = 0
        while position < len(message):
            self.left -= 1
            key, position = _varint(message, position)
            size = {1: 8, 5: 4}.get(key & 7, 0)
            value: Any = None
            if key & 7 in (0, 2):
                value, position = _varint(message, position)
                size = value if key & 7 == 2 else 0
            elif not size:
                raise ValueError(f"a field has the unknown type {key & 7}")
            elif key < 128:  # a repeated number that is not packed: each value is preceded by the key of one byte
                run = _run(message[position - 1 :], size + 1)
                yield key >> 3, memoryview(run[:, 1:].tobytes())
                position += run.size - 1
                continue
            end = position + size
            if self.left < 0 or end > len(message):
                raise ValueError("it has too many fields" if self.left < 0 else "it is truncated")
            yield key >> 3, message[position:end] if size or key & 7 == 2 else value
            position = end


def _run(message: memoryview, size: int) -> np.ndarray:
    """The records of `size` bytes at the beginning of a message that have the same first byte."""
    records = np.frombuffer(message, np.uint8, len(message) // size * size).reshape(-1, size)
    if not len(records):
        raise ValueError("it is truncated")
    others = records[:, 0] != records[0, 0]
    return records[: np.argmax(others) if others.any() else None]


def read(path: Path) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    """Read the blobs of a .caffemodel, in the present form (`layer`) or that of 2014 (`layers`).

    Returns:
        Layer -> its blobs, float32 in the layout of Caffe; and the names of all layers, from input to output.

    Raises:
        ValueError: the file is not a .caffemodel or is damaged.
    """
    messages = _Messages()
    blobs: dict[str, list[np.ndarray]] = {}
    for kind, layer in messages.fields(memoryview(read_bytes(path, UNPACKED_BYTES))):
        if kind in (LAYER, OLD_LAYER):
            fields = list(messages.fields(layer))
            if kind == OLD_LAYER and any(number == V0_LAYER for number, _ in fields):
                raise InputError(
                    f"{path} has the format V0 of Caffe before 2014; convert it with Caffe's program "
                    "upgrade_net_proto_binary."
                )
            name = b"".join(value for number, value in fields if number == LAYER_NAME[kind]).decode()
            blobs[name] = [_blob(messages, value) for number, value in fields if number == LAYER_BLOBS[kind]]
    return {name: found for name, found in blobs.items() if found}, list(blobs)


def _blob(messages: _Messages, blob: memoryview) -> np.ndarray:
    fields = list(messages.fields(blob))
    single, double = (
        np.frombuffer(b"".join(value for number, value in fields if number == data), kind)
        for data, kind in ((DATA, "<f4"), (DOUBLE_DATA, "<f8"))
    )
    with np.errstate(over="ignore"):  # infinite weights are refused with their layer
        values = double.astype(np.float32) if len(double) else single
    shapes = [value for number, value in fields if number == SHAPE]
    if shapes:
        shape = tuple(itertools.islice(_sides(messages, shapes[-1]), MOST_SIDES + 1))
    else:
        sides = dict(fields)
        shape = tuple(sides.get(number, 0) for number in SIDES)
    if len(shape) > MOST_SIDES or math.prod(shape) != len(values):
        raise ValueError(f"a blob of shape {shape[:MOST_SIDES]} has {len(values):,} values")
    return values.reshape(shape)


def _sides(messages: _Messages, shape: memoryview) -> Iterator[int]:
    """Yield the sides of a shape, which are packed into one field or have a field each."""
    for number, value in messages.fields(shape):
        if number == DIM:
            position = 0
            while isinstance(value, memoryview) and position < len(value):
                side, position = _varint(value, position)
                yield side
            if isinstance(value, int):
                yield value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number at a position, seven bits a byte, and the position behind it."""
    number = shift = 0
    while shift < 64:
        byte = message[position]
        number |= (byte & 127) << shift
        position += 1
        if byte < 128:
            return number, position
        shift += 7
    raise ValueError("it has a number of more than 64 bits")
