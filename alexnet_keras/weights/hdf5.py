"""Read arrays from HDF5 files, after a check that they are in the file itself and are as large as they claim."""

import math
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.weights.sizes import MOST_ARRAYS, Budget

FOUR = ("gamma", "beta", "moving_mean", "moving_variance")  # of batch normalization, in the order of Keras
BFLOAT16 = np.dtype("V2")
MOST_OBJECTS = 10 * MOST_ARRAYS  # Keras has three groups for each layer


def read_h5(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Read the data sets of an .h5 file: `conv1/kernel`, ..., or those that `model.save_weights("x.weights.h5")` wrote.

    Keras writes neither the mean that a model subtracts nor the names of its classes.

    Returns:
        Name -> array, and the attribute `metadata` of the file, JSON text.

    Raises:
        InputError: the file refers to other files, or declares more than an AlexNet can have.
    """
    with h5py.File(path, "r") as file:
        datasets, layers = check_h5(file, Budget(path))
        metadata = file.attrs.get("metadata", "{}")
        if not layers:
            return {name: values(dataset) for name, dataset in datasets.items()}, str(metadata)
        arrays = {}
        for group, layer in layers.items():  # `layers/conv2d_1/vars/0` is the first weight of the layer named in `vars`
            found = [values(datasets[f"{group}/{index}"]) for index in range(4) if f"{group}/{index}" in datasets]
            names = ("kernel", "bias") if len(found) == 2 else FOUR
            arrays.update({f"{layer}/{name}": value for name, value in zip(names, found, strict=False)})
        return arrays, str(metadata)


def values(dataset: h5py.Dataset) -> np.ndarray:
    """Read a data set. HDF5 has no bfloat16, so Keras stores such numbers as two bytes, which become float32."""
    array: np.ndarray = dataset[()]
    return array.view(ml_dtypes.bfloat16).astype(np.float32) if dataset.dtype == BFLOAT16 else array


def check_h5(file: h5py.File, budget: Budget) -> tuple[dict[str, h5py.Dataset], dict[str, str]]:
    """Find the data sets of a file without reading them.

    Links and storage outside the file could read any file of this machine. A chunk is refused if it is compressed,
    because the HDF5 library allocates whatever it unpacks to.

    Returns:
        Name -> data set; and name of a group `vars` of Keras -> name of its layer.

    Raises:
        InputError: an object is no plain array in this file, or there are too many or too large ones.
    """
    datasets: dict[str, h5py.Dataset] = {}
    layers: dict[str, str] = {}
    pending = [("", file)]
    count = 0
    while pending:
        prefix, group = pending.pop()
        for key in group:
            count += 1
            name = f"{prefix}{key}"
            problem = "more than an AlexNet can have" if count > MOST_OBJECTS else _problem(group, key)
            if problem:
                raise InputError(f"{budget.path} has {brief(name)}, which is {problem}; write the file again.")
            item = group[key]
            if isinstance(item, h5py.Group):
                pending.append((f"{name}/", item))
                if key == "vars" and "name" in item.attrs:
                    layers[name] = str(item.attrs["name"])
            else:
                budget.take(item.dtype.itemsize * max(math.prod(item.shape), math.prod(item.chunks or ())))
                datasets[name] = item
    return datasets, layers


def _problem(group: h5py.Group, key: str) -> str | None:
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        return "a link to another place"
    kind = group.get(key, getclass=True)
    if kind is h5py.Group:
        return None
    item: Any = group[key]
    if kind is not h5py.Dataset or item.shape is None or not (item.dtype.kind in "fiu" or item.dtype == BFLOAT16):
        return "no array of numbers"
    if item.is_virtual or item.external:
        return "stored in another file"
    if item.id.get_create_plist().get_nfilters():
        return "compressed"
    if item.id.get_storage_size() < item.nbytes:
        return "not stored in full"
    return None
