"""`.alexnet`: a model in a few megabytes, as Deep Compression (Han, Mao and Dally 2015) stores one.

A file is `MAGIC`, the SHA-256 of all that follows, the length of a JSON header (4 bytes, little endian), the header and
then the streams. The header holds the Keras configuration and an entry for every weight, in the model's order.

A weight array with at most 256 values besides zero is three streams: the values (float32, sorted); for each place that
is not zero, in row-major order, its distance from the one before in bytes (255 says: 255 further, and no value yet);
and for each the number of its value. Any other array is one stream of float32.

Every stream is Huffman coded, as in the paper: by zlib, which is told not to look for repetitions.
On the streams of pruned fully connected layers it comes within 2% of the entropy, LZMA's range coder within 3%.
Nothing is rounded: what is read has the bits of what was written.
"""

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from alexnet_keras.model.loading import check_is_alexnet
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, RunError

SUFFIX = ".alexnet"
MAGIC = b"ALEXNET\x01"
LENGTH = struct.Struct("<I")
MOST_VALUES = 256  # that a byte can number
ESCAPE = 255  # a distance of at least this is this byte, and the rest of it


@dataclass(frozen=True)
class Sizes:
    """Bytes of a model's weights at each stage of the paper.

    Attributes:
        dense: four bytes a weight.
        pruned: four bytes a weight that is not zero, and its distance from the one before.
        shared: instead of the weight the bits that number its value, and the values.
        coded: the whole archive.
    """

    dense: int
    pruned: int
    shared: int
    coded: int


def write(model: keras.Model, path: Path) -> Sizes:
    """Write a model; small where its kernels have many zeros and few values, and exact in any case.

    Raises:
        RunError: what was written cannot be read back bit by bit.
    """
    entries: list[dict[str, Any]] = []
    streams: list[bytes] = []
    dense = pruned = shared = 0
    for variable in model.weights:
        array = np.asarray(variable.numpy(), np.float32)
        parts = _shared(array) or [array.tobytes()]
        coded = [_huffman(part) for part in parts]
        entries.append({"shape": array.shape, "bytes": [len(stream) for stream in coded]})
        streams += coded
        dense += array.nbytes
        if len(parts) == 1:
            pruned, shared = pruned + array.nbytes, shared + array.nbytes
        else:
            values, distances, numbers = map(len, parts)
            bits = max(1, (values // array.itemsize - 1).bit_length())
            pruned += 4 * numbers + distances
            shared += values + (bits * numbers + 7) // 8 + distances
    header = json.dumps({"config": keras.saving.serialize_keras_object(model), "weights": entries}).encode()
    content = b"".join([LENGTH.pack(len(header)), header, *streams])
    with atomic_files.appear_whole(path) as partial:
        partial.write_bytes(MAGIC + hashlib.sha256(content).digest() + content)
        for given, found in zip(model.weights, read(partial).weights, strict=True):
            if given.numpy().tobytes() != found.numpy().tobytes():
                raise RunError(f"{path} was not written: {given.path} came back with other bits.")
    return Sizes(dense, pruned, shared, path.stat().st_size)


def read(path: Path) -> keras.Model:
    """The model that `write` was given, with the same bits in every weight.

    Raises:
        InputError: the file is no archive of this package, or a damaged one.
    """
    content = path.read_bytes()
    start = len(MAGIC) + hashlib.sha256().digest_size
    if not content.startswith(MAGIC):
        raise InputError(f"{path} is no archive of this package; make one with 'alexnet-keras compress'.")
    content, digest = content[start:], content[len(MAGIC) : start]
    if hashlib.sha256(content).digest() != digest:
        raise InputError(f"{path} is damaged: its checksum is not that of its content; copy or make it again.")
    try:
        model = _decoded(content)
    except Exception as error:  # Keras raises its own kinds, and what JSON may hold is anybody's guess
        raise InputError(f"{path} is of another version of this package; make it again.") from error
    check_is_alexnet(model, path)
    return model


def _decoded(content: bytes) -> keras.Model:
    (length,) = LENGTH.unpack_from(content)
    index = LENGTH.size + length
    header = json.loads(content[LENGTH.size : index])
    model = keras.saving.deserialize_keras_object(header["config"], safe_mode=True)
    for variable, entry in zip(model.weights, header["weights"], strict=True):
        parts = []
        for size in entry["bytes"]:
            parts.append(zlib.decompress(content[index : index + size]))
            index += size
        variable.assign(_restored(parts, entry["shape"]))
    return model


def _huffman(stream: bytes) -> bytes:
    coder = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return coder.compress(stream) + coder.flush()


def _shared(array: np.ndarray) -> list[bytes] | None:
    """Values, distances and numbers of an array with few values besides zero; `None` for any other."""
    flat = array.ravel()
    indices = np.flatnonzero(flat.view(np.uint32))  # minus zero is a value: it has other bits than zero
    values, numbers = np.unique(flat[indices].view(np.uint32), return_inverse=True)
    if len(values) > MOST_VALUES or array.ndim < 2:
        return None
    distances = np.diff(indices, prepend=-1) - 1  # zeros in between
    escapes, rests = np.divmod(distances, ESCAPE)
    ends = np.cumsum(escapes + 1) - 1
    codes = np.full(int(ends[-1]) + 1 if len(ends) else 0, ESCAPE, np.uint8)
    codes[ends] = rests
    return [values.tobytes(), codes.tobytes(), numbers.astype(np.uint8).tobytes()]


def _restored(parts: list[bytes], shape: list[int]) -> np.ndarray:
    if len(parts) == 1:
        return np.frombuffer(parts[0], np.float32).reshape(shape)
    values = np.frombuffer(parts[0], np.float32)
    codes, numbers = (np.frombuffer(part, np.uint8) for part in parts[1:])
    reached = np.cumsum(codes.astype(np.int64))[codes < ESCAPE]  # zeros before each value
    flat = np.zeros(np.prod(shape, dtype=np.int64), np.float32)
    flat[reached + np.arange(len(reached))] = values[numbers]
    return flat.reshape(shape)
