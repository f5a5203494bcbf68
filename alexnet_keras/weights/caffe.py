"""Caffe's .caffemodel: the blobs of its layers, by a protobuf schema of only the fields that hold them."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from alexnet_keras.system.errors import InputError

FIELD = descriptor_pb2.FieldDescriptorProto
OPTIONAL, REPEATED = FIELD.LABEL_OPTIONAL, FIELD.LABEL_REPEATED
INT64, STRING, BYTES, MESSAGE = FIELD.TYPE_INT64, FIELD.TYPE_STRING, FIELD.TYPE_BYTES, FIELD.TYPE_MESSAGE
# message -> field -> number, type and, where that is a message, its name: from BVLC/caffe's caffe.proto. Packed floats
# are bytes on the wire, and as bytes NumPy takes them without making 61 million Python objects.
SCHEMA: dict[str, dict[str, tuple[Any, ...]]] = {
    "Shape": {"dim": (1, INT64)},
    "Blob": {
        "num": (1, INT64),
        "channels": (2, INT64),
        "height": (3, INT64),
        "width": (4, INT64),
        "data": (5, BYTES),
        "shape": (7, MESSAGE, "Shape"),
        "double_data": (8, BYTES),
    },
    "Layer": {"name": (1, STRING), "blobs": (7, MESSAGE, "Blob")},
    "OldLayer": {"name": (4, STRING), "blobs": (6, MESSAGE, "Blob")},
    "Network": {"layers": (2, MESSAGE, "OldLayer"), "layer": (100, MESSAGE, "Layer")},
}


def read(path: Path) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    """The blobs of a .caffemodel, of the present form (`layer`) or that of 2014 (`layers`).

    Returns:
        Layer -> its blobs, float32 in Caffe's layouts; and the names of all layers, from input to output.

    Raises:
        InputError: the file is no .caffemodel, or a damaged one.
    """
    try:
        network = _messages()["Network"].FromString(path.read_bytes())
        layers = [(layer.name, [_blob(blob) for blob in layer.blobs]) for layer in _layers(network)]
    except (message.DecodeError, ValueError) as error:
        raise InputError(f"{path} is no .caffemodel, or a damaged one ({' '.join(str(error).split())}).") from error
    return {name: blobs for name, blobs in layers if blobs}, [name for name, _ in layers]


def _layers(network: Any) -> Iterator[Any]:
    yield from network.layers
    yield from network.layer


def _blob(blob: Any) -> np.ndarray:
    single, double = (
        np.frombuffer(b"".join(parts), kind) for parts, kind in ((blob.data, "<f4"), (blob.double_data, "<f8"))
    )
    values = double.astype(np.float32) if len(double) else single
    if blob.shape:
        shape = tuple(blob.shape[-1].dim)
    else:  # as it was before blobs had shapes: always four sides
        shape = tuple(sides[-1] if sides else 0 for sides in (blob.num, blob.channels, blob.height, blob.width))
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"a blob of shape {shape} has {len(values):,} values")
    return values.reshape(shape)


@functools.cache
def _messages() -> dict[str, Any]:
    """The classes of the schema; all but names are repeated fields, which read what is single, too."""
    file = descriptor_pb2.FileDescriptorProto(name="alexnet_keras/caffe.proto", package="alexnet_keras")
    for name, fields in SCHEMA.items():
        kind = file.message_type.add(name=name)
        for field, (number, form, *of) in fields.items():
            added = kind.field.add(name=field, number=number, type=form, label=OPTIONAL if form == STRING else REPEATED)
            if of:
                added.type_name = f".alexnet_keras.{of[0]}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"alexnet_keras.{name}")) for name in SCHEMA
    }
