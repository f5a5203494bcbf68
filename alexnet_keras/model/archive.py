"""The `.alexnet` format: a pruned and clustered model in a few megabytes (Deep Compression, Han, Mao and Dally 2015).

The module `weights.coded_arrays` has the format of the bytes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from alexnet_keras.model.checked_config import build_network
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, RunError
from alexnet_keras.weights import coded_arrays
from alexnet_keras.weights.sizes import UNPACKED_BYTES

SUFFIX = ".alexnet"


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
        parts = coded_arrays.encode(array)
        coded = [coded_arrays.huffman(part) for part in parts]
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
    with atomic_files.appear_whole(path) as partial:
        partial.write_bytes(coded_arrays.join(keras.saving.serialize_keras_object(model), entries, streams))
        for given, found in zip(model.weights, read(partial).weights, strict=True):
            if given.numpy().tobytes() != found.numpy().tobytes():
                raise RunError(
                    f"{path} was not written, because {given.path} has other bits when it is read back. Check the disk."
                )
    return Sizes(dense, pruned, clustered, path.stat().st_size)


def read(path: Path) -> keras.Model:
    """Read a model that `write` wrote, in safe mode."""
    content = coded_arrays.read(path)
    try:
        model = build_network(content.config, path, UNPACKED_BYTES)
        for variable, array in zip(model.weights, content.arrays(each.shape for each in model.weights), strict=True):
            variable.assign(array)
    except InputError:
        raise
    except Exception as error:  # Keras raises its own kinds, and the header may be any JSON
        raise coded_arrays.other_version(path) from error
    return model
