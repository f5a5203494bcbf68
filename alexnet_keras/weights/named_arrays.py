"""Read and write arrays with names such as `conv1/kernel` in .npz, .safetensors and .h5 files."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.system.errors import InputError, OptionError

Arrays = dict[str, np.ndarray]
METADATA = "metadata"  # JSON: mean, stddev, class_names, variants
FOUR = ("gamma", "beta", "moving_mean", "moving_variance")  # of batch normalization, in the order of Keras


def read_npz(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays of an .npz file and its metadata, without unpickling.

    Raises:
        InputError: the file is not an .npz file, is damaged, or contains Python objects.
    """
    if not zipfile.is_zipfile(path):  # NumPy would call it a pickle and recommend to load it
        raise _damaged(path, "not an .npz file of arrays", ValueError("it is not a complete ZIP archive"))
    try:
        with (
            path.open("rb") as opened,
            np.load(opened, allow_pickle=False) as file,
        ):  # NumPy does not close a damaged file
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # NumPy, zipfile, zlib and tokenize each raise their own kinds
        raise _damaged(path, "not an .npz file of arrays", error) from error
    return arrays, _metadata(str(arrays.pop(METADATA, "{}")), path)


def read_safetensors(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the tensors of a .safetensors file and its metadata.

    Raises:
        InputError: the file is not a .safetensors file or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            metadata = (file.metadata() or {}).get(METADATA, "{}")
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise _damaged(path, "not a .safetensors file", error) from error
    return arrays, _metadata(metadata, path)


def read_h5(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the data sets of an .h5 file: `conv1/kernel`, ..., or those that `model.save_weights("x.weights.h5")` wrote.

    Keras writes neither the mean that a model subtracts nor the names of its classes.

    Raises:
        InputError: the file is not an HDF5 file or is damaged.
    """
    import h5py

    arrays: Arrays = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[str(name)] = item[()]
        elif name.endswith("/vars") and "name" in item.attrs:
            names[name] = str(item.attrs["name"])

    names: dict[str, str] = {}
    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)  # does not follow links to other files
            metadata = file.attrs.get(METADATA, "{}")
    except Exception as error:  # h5py raises many kinds of errors
        raise _damaged(path, "not an HDF5 file", error) from error
    return (_of_keras(arrays, names) if names else arrays), _metadata(str(metadata), path)


def _of_keras(arrays: Arrays, names: Mapping[str, str]) -> Arrays:
    """Rename the arrays of Keras: `layers/conv2d_1/vars/0` is the first weight of the layer that `vars` names."""
    found: Arrays = {}
    for folder, layer in names.items():
        values = [arrays[f"{folder}/{index}"] for index in range(4) if f"{folder}/{index}" in arrays]
        found.update(
            {
                f"{layer}/{key}": value
                for key, value in zip(("kernel", "bias") if len(values) == 2 else FOUR, values, strict=False)
            }
        )
    return found


def write(path: Path, arrays: Arrays, metadata: Mapping[str, Any]) -> None:
    """Write an .npz or a .safetensors file.

    Raises:
        OptionError: the path has another suffix.
    """
    text = json.dumps(metadata)
    if path.suffix == ".npz":
        np.savez(path, allow_pickle=False, **arrays, **{METADATA: np.array(text)})
    elif path.suffix == ".safetensors":
        from safetensors.numpy import save_file

        save_file(arrays, path, {METADATA: text})
    else:
        raise OptionError(f"`output` must end in .npz or .safetensors, got {path.name!r}.")


def _metadata(text: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise _damaged(path, "without readable metadata", error) from error
    return values if isinstance(values, dict) else {}


def _damaged(path: Path, what: str, error: Exception) -> InputError:
    return InputError(f"{path} is {what}, or is damaged ({' '.join(str(error).split()) or type(error).__name__}).")
