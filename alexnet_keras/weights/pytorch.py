"""Read the tensors of a state dict in a file of PyTorch, without PyTorch and without executing the pickle in it."""

import io
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import read_bytes
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.system.zip_files import open_zip
from alexnet_keras.weights.layouts import torchvision_names
from alexnet_keras.weights.pickles import DamageError, Functions, Name, Opaque, checked, interpret
from alexnet_keras.weights.sizes import Budget

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of files from before PyTorch 1.6
PICKLE_BYTES = 4 * 2**20
MOST_SIDES = 8
STORAGES = {
    "torch.FloatStorage": np.dtype(np.float32),
    "torch.DoubleStorage": np.dtype(np.float64),
    "torch.HalfStorage": np.dtype(np.float16),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype(np.int64),
    "torch.IntStorage": np.dtype(np.int32),
    "torch.ShortStorage": np.dtype(np.int16),
    "torch.CharStorage": np.dtype(np.int8),
    "torch.ByteStorage": np.dtype(np.uint8),
    "torch.BoolStorage": np.dtype(np.bool_),
}


@dataclass(frozen=True)
class Storage:
    key: str
    dtype: np.dtype
    count: int

    @property
    def size(self) -> int:
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and stride in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict that `torch.save` wrote, alone or anywhere in a checkpoint.

    The file may be the ZIP archive of PyTorch 1.6 and later, or its predecessor; not the tar archive of 2016. If there
    are several state dicts, such as weights and their moving average, the first one of those with the most layers of an
    AlexNet is read.

    Returns:
        Name -> array, in the order and with the types of the file.

    Raises:
        Exception: the file is damaged.
    """
    budget = Budget(path)
    try:
        return _zipped(path, budget) if zipfile.is_zipfile(path) else _legacy(path, budget)
    except DamageError as error:
        raise InputError(f"{path} {error}; save `model.state_dict()` again, or download the file again.") from error


def _zipped(path: Path, budget: Budget) -> dict[str, np.ndarray]:
    """Read the format of PyTorch 1.6: `<name>/data.pkl`, and a file for each storage in `<name>/data/`."""
    with open_zip(path, budget.limit) as archive:
        (pickle,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = pickle.removesuffix("data.pkl")
        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
        with archive.open(pickle) as file:
            values = interpret(io.BytesIO(file.read(PICKLE_BYTES)), FUNCTIONS, _storage)

        def numbers_of(storage: Storage) -> np.ndarray:
            record = archive.getinfo(f"{folder}data/{storage.key}")
            if record.compress_type != zipfile.ZIP_STORED or record.file_size != storage.size:
                raise DamageError(
                    f"has a storage {brief(storage.key)} of {record.file_size:,} bytes, not {storage.count:,} numbers"
                )
            budget.take(storage.size)
            dtype = storage.dtype.newbyteorder(">" if order == b"big" else "<")
            return np.frombuffer(archive.read(record), dtype)  # zipfile checks the CRC

        return _arrays(values, numbers_of)


def _legacy(path: Path, budget: Budget) -> dict[str, np.ndarray]:
    """Read the format before 1.6: pickles (magic number, version, system, values, keys), then storages with lengths."""
    content = read_bytes(path, budget.limit)
    file = io.BytesIO(content)
    if interpret(file, {}) != LEGACY_MAGIC:
        raise DamageError("is a pickle, but PyTorch did not write it")
    storages: dict[str, Storage] = {}

    def load(reference: Any) -> Storage:
        storage = _storage(reference)
        return storages.setdefault(storage.key, storage)

    for _ in ("version", "system"):
        interpret(file, {})
    values, keys = interpret(file, FUNCTIONS, load), interpret(file, {})
    starts = {}
    for key in checked(keys, list):
        storage = storages[checked(key, str)]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.count or storage.size > len(content) - file.tell():
            raise DamageError("is truncated")
        starts[key] = file.tell()
        file.seek(storage.size, io.SEEK_CUR)

    def numbers_of(storage: Storage) -> np.ndarray:
        budget.take(storage.size)
        return np.frombuffer(content, storage.dtype.newbyteorder("<"), storage.count, starts[storage.key])

    return _arrays(values, numbers_of)


def _arrays(values: Any, numbers_of: Callable[[Storage], np.ndarray]) -> dict[str, np.ndarray]:
    """Read the tensors of one state dict in the values of a pickle, and no others."""
    nested, opaque = _state_dicts(values)
    if not nested:
        found = f", but an object of {brief(opaque)}, whose code is never run here" if opaque else ""
        raise DamageError(f"has no state dict{found}")
    state = max(nested, key=lambda tensors: len(torchvision_names(tensors)))  # the first of several
    storages: dict[str, np.ndarray] = {}
    for tensor in state.values():
        if tensor.storage.key not in storages:
            storages[tensor.storage.key] = numbers_of(tensor.storage)
    return {name: _array(tensor, storages) for name, tensor in state.items()}


def _state_dicts(values: Any) -> tuple[list[dict[str, Tensor]], str]:
    """Find all dicts with tensors in nested dicts, lists and tuples, the outermost first, and name the first object."""
    found: list[dict[str, Tensor]] = []
    opaque = ""
    pending, seen = [values], {id(values)}
    for value in pending:
        members: Iterator[Any] = iter(())
        if isinstance(value, dict):
            tensors = {name: each for name, each in value.items() if isinstance(each, Tensor)}
            found += [tensors] if tensors else []
            members = iter(value.values())
        elif isinstance(value, list | tuple):
            members = iter(value)
        elif isinstance(value, Opaque | Name):
            opaque = opaque or (value.name if isinstance(value, Opaque) else value.text)
        for member in members:
            if id(member) not in seen:
                seen.add(id(member))
                pending.append(member)
    return found, opaque


def _ordered_dict(pairs: Any = ()) -> dict[str, Any]:
    """Make the dict of an OrderedDict, to which Python 2 passes a list of lists of two."""
    result = {}
    for pair in pairs:
        name, value = checked(pair, list | tuple)
        if isinstance(name, str):
            result[name] = value
    return result


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Tensor:
    numbers = (offset, *shape[:MOST_SIDES], *stride[:MOST_SIDES])
    are_sizes = all(isinstance(number, int) and number >= 0 for number in numbers)
    if not isinstance(storage, Storage) or not are_sizes or not len(shape) == len(stride) <= MOST_SIDES:
        raise DamageError("calls torch._utils._rebuild_tensor_v2 with other arguments than PyTorch does")
    return Tensor(storage, offset, shape, stride)


FUNCTIONS: Functions = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _rebuild_tensor,  # before PyTorch 0.4
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
}


def _storage(reference: Any) -> Storage:
    """Parse a reference to a storage: its type, key, device and length; old files append a view, which must be None."""
    kind, name, key, _, count, *view = checked(reference, tuple)
    is_named = isinstance(kind, str) and kind == "storage" and isinstance(name, Name) and name.text in STORAGES
    if not is_named or not isinstance(key, str) or not isinstance(count, int) or count < 0 or view not in ([], [None]):
        raise DamageError("has a tensor in a storage of an unknown kind")
    return Storage(key, STORAGES[name.text], count)


def _array(tensor: Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    values = storages[tensor.storage.key]
    size = math.prod(tensor.shape)
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.stride, strict=True))
    if size > len(values) or (size and last >= len(values)):
        raise DamageError(f"has a tensor of shape {tensor.shape} in a storage of {len(values):,} numbers")
    if not size:
        return np.zeros(tensor.shape, values.dtype)
    strides = tuple(step * values.itemsize for step in tensor.stride)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
