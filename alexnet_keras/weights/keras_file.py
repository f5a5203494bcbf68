"""The parts of a `.keras` file, read without Keras."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import parse_json
from alexnet_keras.system.zip_files import open_zip
from alexnet_keras.weights.hdf5 import check_h5, values
from alexnet_keras.weights.sizes import Budget

MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
CONFIG_BYTES = 4 * 2**20  # names of 21,841 classes take less than 1 MB


@dataclass(frozen=True)
class Content:
    """What an open file holds.

    Attributes:
        config: the configuration of the model, which may be any JSON.
        datasets: the arrays, which are checked but not read yet.
        groups: name of a layer -> name of the group of its arrays.
    """

    config: Any
    datasets: Mapping[str, h5py.Dataset]
    groups: Mapping[str, str]

    @property
    def size(self) -> int:
        """The bytes of all arrays."""
        return sum(dataset.nbytes for dataset in self.datasets.values())

    def array(self, layer: str, index: int) -> np.ndarray:
        """Read one weight of a layer.

        `model.load_weights` would read the whole file a second time, which takes longer than everything else.

        Raises:
            KeyError: the file does not have it.
        """
        return values(self.datasets[f"{self.groups[layer]}/{index}"])


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Open a file, whose arrays can be read inside the `with` block.

    Raises:
        InputError: it is damaged or of another kind, or anything inside the block has failed.
    """
    budget = Budget(path)
    try:
        with open_zip(path, budget.limit) as archive:
            if sorted(archive.namelist()) != MEMBERS:
                raise InputError(f"{path} does not hold exactly {', '.join(MEMBERS)}; save the model again.")
            config = archive.read("config.json") if archive.getinfo("config.json").file_size <= CONFIG_BYTES else b""
            with archive.open("model.weights.h5") as member, h5py.File(io.BytesIO(member.read()), "r") as file:
                datasets, layers = check_h5(file, budget)
                groups = {layer: group for group, layer in layers.items()}
                yield Content(parse_json(config, f"{path}/config.json"), datasets, groups)
    except InputError:
        raise
    except Exception as error:  # zipfile, json, h5py and Keras each raise their own kinds
        raise InputError(f"{path} is damaged, or is not a Keras model; train or copy it again.") from error
