"""Read the blobs of a .caffemodel of Caffe, with a protobuf schema of the few fields that contain them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import message

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.protobuf import BYTES, INT64, STRING, message_classes

# message -> field -> number and type, from caffe.proto of BVLC/caffe. Packed floats
# are bytes on the wire, and as bytes NumPy takes them without making 61 million Python objects.
SCHEMA: dict[str, dict[str, tuple[int, Any]]] = {
    "Shape": {"dim": (1, INT64)},
    "Blob": {
        "num": (1, INT64),
        "channels": (2, INT64),
        "height": (3, INT64),
        "width": (4, INT64),
        "data": (5, BYTES),
        "shape": (7, "Shape"),
        "double_data": (8, BYTES),
    },
    "Layer": {"name": (1, STRING), "blobs": (7, "Blob")},
    "OldLayer": {"name": (4, STRING), "blobs": (6, "Blob")},
    "Network": {"layers": (2, "OldLayer"), "layer": (100, "Layer")},
}
NETWORK = message_classes(SCHEMA)["Network"]


def read(path: Path) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    """Read the blobs of a .caffemodel, in the present form (`layer`) or that of 2014 (`layers`).

    Returns:
        Layer -> its blobs, float32 in the layout of Caffe; and the names of all layers, from input to output.

    Raises:
        InputError: the file is not a .caffemodel or is damaged.
    """
    try:
        network = NETWORK.FromString(path.read_bytes())
        layers = [(layer.name, [_blob(blob) for blob in layer.blobs]) for layer in _layers(network)]
    except (message.DecodeError, ValueError) as error:
        raise InputError(f"{path} is not a .caffemodel, or is damaged ({' '.join(str(error).split())}).") from error
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
    else:  # before blobs had shapes, they always had four sides
        shape = tuple(sides[-1] if sides else 0 for sides in (blob.num, blob.channels, blob.height, blob.width))
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"a blob of shape {shape} has {len(values):,} values")
    return values.reshape(shape)
