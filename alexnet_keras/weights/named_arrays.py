"""Read and write arrays with names such as `conv1/kernel` in .npz and .safetensors files."""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import read_bytes
from alexnet_keras.system.zip_files import open_zip, write_array
from alexnet_keras.weights.pickled_arrays import NUMPY_FUNCTIONS, PickledArray
from alexnet_keras.weights.pickles import DamageError, checked, interpret
from alexnet_keras.weights.sizes import Budget

Arrays = dict[str, np.ndarray]
METADATA = "metadata"  # JSON: mean, stddev, class_names, variants
HEADER_BYTES = 4 * 2**20  # names of 21,841 classes take less than 1 MB


def read_npz(path: Path) -> tuple[Arrays, str]:
    """Read the arrays of an .npz file and its metadata, without unpickling.

    Raises:
        ValueError: an array is damaged, or contains Python objects.
    """
    budget = Budget(path)
    arrays: Arrays = {}
    with open_zip(path, budget.limit) as archive:
        for member in archive.infolist():
            budget.take(member.file_size)
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = _read_array(file)
    return arrays, str(arrays.pop(METADATA, "{}"))


def read_npy(path: Path) -> dict[str, list[np.ndarray]]:
    """Read the dictionary of lists of arrays that caffe-tensorflow saves as an .npy file, without unpickling.

    Returns:
        Layer -> its weights and biases.

    Raises:
        ValueError: it has another structure.
    """
    budget = Budget(path)
    file = io.BytesIO(read_bytes(path, budget.limit))
    shape, _, dtype = _read_header(file)
    if shape or not dtype.hasobject:
        raise ValueError("it is one array without the names of layers")
    try:
        (found,) = interpret(file, NUMPY_FUNCTIONS).objects()
        layers = {}
        for name, pair in checked(found, dict).items():
            pair = [pair.get("weights"), pair.get("biases")] if isinstance(pair, dict) else checked(pair, list)
            arrays = [checked(array, PickledArray) for array in pair]
            for array in arrays:
                budget.take(array.size)
            layers[name] = [array.values() for array in arrays]
    except DamageError as error:
        raise InputError(f"{path} {error}; download it again, or pass another file.") from error
    return layers


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(file)]
    return read_header(file)


def _read_array(file: IO[bytes]) -> np.ndarray:
    """Read an array of an .npy file; NumPy would first allocate the size that its header declares."""
    shape, is_fortran, dtype = _read_header(file)
    values = file.read()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"an array of shape {shape} and type {dtype} has {len(values):,} bytes")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if is_fortran else "C")


def read_safetensors(path: Path) -> tuple[Arrays, str]:
    """Read the tensors of a .safetensors file and its metadata.

    The library checks that the tensors have the size of the file.

    Raises:
        ValueError, SafetensorError: the file is damaged.
    """
    from safetensors import safe_open

    Budget(path).take(path.stat().st_size)
    with path.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
    if length > HEADER_BYTES:
        raise ValueError(f"it declares a header of {length:,} bytes")
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        return arrays, (file.metadata() or {}).get(METADATA, "{}")


def write(path: Path, arrays: Arrays, metadata: Mapping[str, Any]) -> None:
    """Write a file whose suffix is one of `WRITERS`."""
    WRITERS[path.suffix](path, arrays, json.dumps(metadata))


def _write_npz(path: Path, arrays: Arrays, metadata: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, value in {**arrays, METADATA: metadata}.items():
            write_array(archive, name, value)


def _write_safetensors(path: Path, arrays: Arrays, metadata: str) -> None:
    from safetensors.numpy import save

    path.write_bytes(save(arrays, {METADATA: metadata}))  # its own function for files lets nobody else read them


WRITERS = {".npz": _write_npz, ".safetensors": _write_safetensors}
