"""The bytes of an `.alexnet` file: a header and coded arrays (Deep Compression, Han, Mao and Dally 2015).

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import parse_json, read_bytes
from alexnet_keras.weights.sizes import UNPACKED_BYTES

MAGIC = b"ALEXNET\x01"
LENGTH = struct.Struct("<I")
MOST_VALUES = 256  # an index must fit in a byte
ESCAPE = 255  # this byte stands for as many zeros, and the count continues in the next byte


@dataclass(frozen=True)
class Content:
    """A file whose checksum is right, and whose arrays are decoded one after the other.

    Attributes:
        config: the Keras configuration of the model, which may be any JSON.
        entries: what the header says of the arrays.
        streams: everything after the header.
    """

    config: Any
    entries: Sequence[Mapping[str, Any]]
    streams: bytes

    def arrays(self, shapes: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """Decode the arrays, which have the given shapes.

        Raises:
            Exception: the entries are not those of such arrays, or a stream is damaged.
        """
        position = 0
        for shape, entry in zip(shapes, self.entries, strict=True):
            parts, largest = [], 4 * (math.prod(shape) + MOST_VALUES)
            for size in entry["bytes"]:
                parts.append(_unpack(self.streams[position : position + size], largest))
                position += size
            yield decode(parts, shape)


def read(path: Path) -> Content:
    """Read a file, and check its beginning and its checksum.

    Raises:
        InputError: it is no such file, or it is damaged.
    """
    content = read_bytes(path, UNPACKED_BYTES)
    start = len(MAGIC) + hashlib.sha256().digest_size
    if not content.startswith(MAGIC):
        raise InputError(f"{path} is not an .alexnet archive; write one with 'alexnet-keras compress'.")
    content, digest = content[start:], content[len(MAGIC) : start]
    if hashlib.sha256(content).digest() != digest:
        raise InputError(f"{path} is damaged: its checksum does not match its content. Copy or write it again.")
    try:
        (length,) = LENGTH.unpack_from(content)
        header = parse_json(content[LENGTH.size : LENGTH.size + length], f"The header of {path}")
        return Content(header["config"], header["weights"], content[LENGTH.size + length :])
    except (struct.error, KeyError, TypeError) as error:  # the header may be any JSON
        raise other_version(path) from error


def other_version(path: Path) -> InputError:
    return InputError(f"{path} was written by another version of this package; write it again.")


def join(config: Any, entries: Sequence[Mapping[str, Any]], streams: Sequence[bytes]) -> bytes:
    """Return the bytes of a file."""
    header = json.dumps({"config": config, "weights": entries}).encode()
    content = b"".join([LENGTH.pack(len(header)), header, *streams])
    return MAGIC + hashlib.sha256(content).digest() + content


def encode(array: np.ndarray) -> list[bytes]:
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


def decode(parts: list[bytes], shape: Sequence[int]) -> np.ndarray:
    if len(parts) == 1:
        return np.frombuffer(parts[0], np.float32).reshape(shape)
    values = np.frombuffer(parts[0], np.float32)
    distances, indices = (np.frombuffer(part, np.uint8) for part in parts[1:])
    zeros = np.cumsum(distances.astype(np.int64))[distances < ESCAPE]  # before each nonzero weight, in total
    flat = np.zeros(np.prod(shape, dtype=np.int64), np.float32)
    flat[zeros + np.arange(len(zeros))] = values[indices]
    return flat.reshape(shape)


def huffman(stream: bytes) -> bytes:
    coder = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return coder.compress(stream) + coder.flush()


def _unpack(stream: bytes, largest: int) -> bytes:
    """Undo `huffman`, and refuse a stream that is longer than the weights of its array can be."""
    decoder = zlib.decompressobj()
    unpacked = decoder.decompress(stream, largest)
    if not decoder.eof:
        raise ValueError("a stream is too long, or is truncated")
    return unpacked
