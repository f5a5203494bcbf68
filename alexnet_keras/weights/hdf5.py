"""Read arrays from HDF5 files, after a check that they are in the file itself and are as large as they claim."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import parse_json
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.weights.sizes import MOST_ARRAYS, Budget

STATISTICS = ("moving_mean", "moving_variance")  # of batch normalization here, in the order of Keras
CAFFE_NAME = re.compile("data/[^/]+/[01]")
BFLOAT16 = np.dtype("V2")
MOST_OBJECTS = 10 * MOST_ARRAYS  # Keras has three groups for each layer


def read_h5(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Read the weights in an HDF5 file of this package, of Keras or of Caffe.

    `model.save("x.h5")` also stores the configuration of the model, from which the metadata are taken.
    `model.save_weights("x.weights.h5")` stores neither the mean that a model subtracts nor the names of its classes.

    Returns:
        Name -> array, such as `conv1/kernel`, or `conv1_w` in the layout of Caffe; and the metadata, JSON text.
    """
    with h5py.File(path, "r") as file:
        datasets, layers = check_h5(file, Budget(path))
        metadata = str(file.attrs.get("metadata", "{}"))
        if "model_config" in file.attrs:
            metadata = json.dumps(_expectations(parse_json(file.attrs["model_config"], f"model_config of {path}")))
        names = {name: _short_name(name, layers) for name in datasets if not name.startswith("optimizer")}
        return {short: values(datasets[name]) for name, short in names.items()}, metadata


def _short_name(name: str, layers: Mapping[str, str]) -> str:
    """Return layer and weight of a data set, such as `conv1/kernel`.

    Its name is `conv1/kernel` in a file of this package, and `model_weights/conv1/conv1/kernel:0` in a model that Keras
    saved. In a file of Keras's weights it is `layers/conv2d_1/vars/0`, the first weight of the layer in the attribute
    `name` of `vars`. In Caffe's HDF5 it is `data/conv1/0`, the first blob of a layer.
    """
    group, _, last = name.rpartition("/")
    if group in layers:
        names = STATISTICS if layers[group].startswith("batchnorm") else ("kernel", "bias")
        return f"{layers[group]}/{names[int(last)]}" if int(last) < len(names) else name
    if CAFFE_NAME.fullmatch(name):
        return f"{name.split('/')[1]}_{'wb'[int(last)]}"
    return "/".join(name.removesuffix(":0").split("/")[-2:])


def _expectations(config: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pending = [config]
    for value in pending:
        if isinstance(value, dict):
            kind, own = value.get("class_name"), value.get("config")
            if kind == "alexnet_keras>MeanSubtraction" and isinstance(own, dict):
                found.update(mean=own.get("mean"), stddev=own.get("stddev"))
            if kind == "alexnet_keras>Predictions" and isinstance(own, dict):
                found["class_names"] = own.get("class_names")
            pending += value.values()
        elif isinstance(value, list):
            pending += value
    return found


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
