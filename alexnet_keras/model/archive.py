"""The `.alexnet` format: a pruned and clustered model in a few megabytes (Deep Compression, Han, Mao and Dally 2015).

A file consists of `MAGIC`, the SHA-256 of everything after it, the length of a JSON header (4 bytes, little endian),
the header, and the streams. The header has the Keras configuration and an entry for each weight array of the model.

An array with at most 256 different values besides zero takes three streams:

1. the values, sorted, float32;
2. for each nonzero weight, in row-major order, the number of zeros before it as one byte; 255 stands for 255 zeros
   that are followed by another number;
3. for each nonzero weight, the index of its value, one byte.

Any other array takes one stream of float32. Every stream is Huffman coded, as in the paper: zlib does this if it does
not look for repetitions. The streams of pruned fully connected layers come within 2% of their entropy (LZMA: 3%). The
format is lossless: reading returns the bits that were written.
"""

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from alexnet_keras.model.checked_config import build_network
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, RunError
from alexnet_keras.system.input_files import parse_json, read_bytes
from alexnet_keras.weights.sizes import UNPACKED_BYTES

SUFFIX = ".alexnet"
MAGIC = b"ALEXNET\x01"
LENGTH = struct.Struct("<I")
MOST_VALUES = 256  # an index must fit in a byte
ESCAPE = 255  # this byte stands for as many zeros, and the count continues in the next byte


@dataclass(frozen=True)
class Sizes:
    """Bytes of a model's weights after each stage of Deep Compression.

    Attributes:
        dense: four bytes for each weight.
        pruned: four bytes for each nonzero weight, and its distance from the one before.
        clustered: the index of its value, in as few bits as possible, instead of the four bytes; and the values.
        coded: the whole file.
    """

    dense: int
    pruned: int
    clustered: int
    coded: int


def write(model: keras.Model, path: Path) -> Sizes:
    """Write a model, and read it back to compare every bit.

    The file is small if kernels have many zeros and few different values; any model is stored exactly.
    """
    if 4 * model.count_params() > UNPACKED_BYTES:
        raise InputError(
            f"{path} cannot hold the {model.count_params():,} weights of {model.name!r}, but at most "
            f"{UNPACKED_BYTES // 4:,}; choose smaller `hidden_units` or `input_size`."
        )
    entries: list[dict[str, Any]] = []
    streams: list[bytes] = []
    dense = pruned = clustered = 0
    for variable in model.weights:
        array = np.asarray(variable.numpy(), np.float32)
        parts = _encode(array)
        coded = [_huffman(part) for part in parts]
        entries.append({"shape": array.shape, "bytes": [len(stream) for stream in coded]})
        streams += coded
        dense += array.nbytes
        if len(parts) == 1:
            pruned, clustered = pruned + array.nbytes, clustered + array.nbytes
        else:
            values, distances, indices = map(len, parts)
            bits = max(1, (values // array.itemsize - 1).bit_length())
            pruned += 4 * indices + distances
            clustered += values + (bits * indices + 7) // 8 + distances
    header = json.dumps({"config": keras.saving.serialize_keras_object(model), "weights": entries}).encode()
    content = b"".join([LENGTH.pack(len(header)), header, *streams])
    with atomic_files.appear_whole(path) as partial:
        partial.write_bytes(MAGIC + hashlib.sha256(content).digest() + content)
        for given, found in zip(model.weights, read(partial).weights, strict=True):
            if given.numpy().tobytes() != found.numpy().tobytes():
                raise RunError(
                    f"{path} was not written, because {given.path} has other bits when it is read back. Check the disk."
                )
    return Sizes(dense, pruned, clustered, path.stat().st_size)


def read(path: Path) -> keras.Model:
    """Read a model that `write` wrote, in safe mode."""
    content = read_bytes(path, UNPACKED_BYTES)
    start = len(MAGIC) + hashlib.sha256().digest_size
    if not content.startswith(MAGIC):
        raise InputError(f"{path} is not an .alexnet archive; write one with 'alexnet-keras compress'.")
    content, digest = content[start:], content[len(MAGIC) : start]
    if hashlib.sha256(content).digest() != digest:
        raise InputError(f"{path} is damaged: its checksum does not match its content. Copy or write it again.")
    try:
        return _model(content, path)
    except InputError:
        raise
    except Exception as error:  # Keras raises its own kinds, and the header may be any JSON
        raise InputError(f"{path} was written by another version of this package; write it again.") from error


def _model(content: bytes, path: Path) -> keras.Model:
    (length,) = LENGTH.unpack_from(content)
    position = LENGTH.size + length
    header = parse_json(content[LENGTH.size : position], f"The header of {path}")
    model = build_network(header["config"], path, UNPACKED_BYTES)
    for variable, entry in zip(model.weights, header["weights"], strict=True):
        parts, largest = [], 4 * (math.prod(variable.shape) + MOST_VALUES)
        for size in entry["bytes"]:
            parts.append(_unpack(content[position : position + size], largest))
            position += size
        variable.assign(_decode(parts, variable.shape))
    return model


def _unpack(stream: bytes, largest: int) -> bytes:
    """Undo `_huffman`, and refuse a stream that is longer than the weights of its array can be."""
    decoder = zlib.decompressobj()
    unpacked = decoder.decompress(stream, largest)
    if not decoder.eof:
        raise ValueError("a stream is too long, or is truncated")
    return unpacked


def _huffman(stream: bytes) -> bytes:
    coder = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return coder.compress(stream) + coder.flush()


def _encode(array: np.ndarray) -> list[bytes]:
    """Return values, distances and indices of an array with few values besides zero, or any other array's bytes."""
    flat = array.ravel()
    positions = np.flatnonzero(flat.view(np.uint32))  # -0.0 counts as a value, because its bits are not those of zero
    values, indices = np.unique(flat[positions].view(np.uint32), return_inverse=True)
    if len(values) > MOST_VALUES or array.ndim < 2:
        return [array.tobytes()]
    zeros = np.diff(positions, prepend=-1) - 1
    escapes, rests = np.divmod(zeros, ESCAPE)
    ends = np.cumsum(escapes + 1) - 1
    distances = np.full(int(ends[-1]) + 1 if len(ends) else 0, ESCAPE, np.uint8)
    distances[ends] = rests
    return [values.tobytes(), distances.tobytes(), indices.astype(np.uint8).tobytes()]


def _decode(parts: list[bytes], shape: Sequence[int]) -> np.ndarray:
    if len(parts) == 1:
        return np.frombuffer(parts[0], np.float32).reshape(shape)
    values = np.frombuffer(parts[0], np.float32)
    distances, indices = (np.frombuffer(part, np.uint8) for part in parts[1:])
    zeros = np.cumsum(distances.astype(np.int64))[distances < ESCAPE]  # before each nonzero weight, in total
    flat = np.zeros(np.prod(shape, dtype=np.int64), np.float32)
    flat[zeros + np.arange(len(zeros))] = values[indices]
    return flat.reshape(shape)
