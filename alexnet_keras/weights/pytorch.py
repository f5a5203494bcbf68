"""Read the tensors of a state dict in a .pth file of PyTorch, without PyTorch and without executing the pickle.

A pickle is a program for a stack machine. This reader interprets only the instructions that a state dict of tensors
needs, on plain values: numbers, strings, tuples, lists, dicts, and the types below. It never hashes, compares or prints
a tuple or a list, because a pickle of 300 bytes can nest them so that each of these takes for ever.
"""

import io
import itertools
import math
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ml_dtypes
import numpy as np

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import read_bytes
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.system.zip_files import open_zip
from alexnet_keras.weights.sizes import UNPACKED_BYTES, Budget

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of files from before PyTorch 1.6
MOST_INSTRUCTIONS = 100_000  # of a pickle; the state dict of torchvision's AlexNet has fewer than 1,000
PICKLE_BYTES = 4 * 2**20
MOST_SIDES = 8
STORAGES = {
    "torch.FloatStorage": np.dtype(np.float32),
    "torch.DoubleStorage": np.dtype(np.float64),
    "torch.HalfStorage": np.dtype(np.float16),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype(np.int64),
    "torch.IntStorage": np.dtype(np.int32),
    "torch.ByteStorage": np.dtype(np.uint8),
    "torch.BoolStorage": np.dtype(np.bool_),
}
ORDERED_DICT = "collections.OrderedDict"
REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2"
REBUILD_PARAMETER = "torch._utils._rebuild_parameter"
NAMES = {ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, *STORAGES}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}


class DamageError(Exception):
    """A file that cannot be read; the message is the reason, and begins with a verb."""


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names."""

    text: str


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
    """Read a state dict that `torch.save` wrote, or the `state_dict` of a checkpoint.

    The file may be the ZIP archive of PyTorch 1.6 and later, or its predecessor; not the tar archive of 2016.

    Returns:
        Name -> array, in the order and with the types of the file, without the prefix `module.`.

    Raises:
        InputError: the file is neither of these, declares more than an AlexNet can have, or names anything other than
            tensors.
        Exception: the file is damaged.
    """
    budget = Budget(path)
    try:
        values, storages = _zipped(path, budget) if zipfile.is_zipfile(path) else _legacy(path, budget)
        if isinstance(values, dict) and isinstance(values.get("state_dict"), dict):
            values = values["state_dict"]
        if not isinstance(values, dict) or not any(isinstance(value, Tensor) for value in values.values()):
            raise DamageError("has no state dict: save `model.state_dict()`")
        return {
            str(name).removeprefix("module."): _array(value, storages)
            for name, value in values.items()
            if isinstance(value, Tensor)
        }
    except DamageError as error:
        raise InputError(f"{path} {error}.") from error


def _zipped(path: Path, budget: Budget) -> tuple[Any, dict[str, np.ndarray]]:
    """Read the format of PyTorch 1.6: `<name>/data.pkl`, and a file for each storage in `<name>/data/`."""
    with open_zip(path, budget.limit) as archive:
        (pickle,) = [name for name in archive.namelist() if name.endswith("/data.pkl")] or [""]
        if not pickle:
            raise DamageError("is a ZIP file without data.pkl, so PyTorch did not write it")
        folder = pickle.removesuffix("data.pkl")
        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
        found: dict[str, Storage] = {}
        with archive.open(pickle) as file:
            values = _unpickle(io.BytesIO(file.read(PICKLE_BYTES)), found)
        storages = {}
        for key, storage in found.items():
            record = archive.getinfo(f"{folder}data/{key}")
            if record.compress_type != zipfile.ZIP_STORED or record.file_size != storage.size:
                raise DamageError(
                    f"has a storage {brief(key)} of {record.file_size:,} bytes, not {storage.count:,} numbers"
                )
            budget.take(storage.size)
            dtype = storage.dtype.newbyteorder(">" if order == b"big" else "<")
            storages[key] = np.frombuffer(archive.read(record), dtype)  # zipfile checks the CRC
        return values, storages


def _legacy(path: Path, budget: Budget) -> tuple[Any, dict[str, np.ndarray]]:
    """Read the format before 1.6: pickles (magic number, version, system, values, keys), then storages with lengths."""
    content = read_bytes(path, UNPACKED_BYTES)
    file = io.BytesIO(content)
    if _unpickle(file, {}) != LEGACY_MAGIC:
        raise DamageError("is not a PyTorch file")
    found: dict[str, Storage] = {}
    _, _, values, keys = (_unpickle(file, storages) for storages in ({}, {}, found, {}))
    storages = {}
    for key in _checked(keys, list):
        storage = found[_checked(key, str)]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.count or storage.size > len(content) - file.tell():
            raise DamageError("is truncated")
        storages[key] = np.frombuffer(content, storage.dtype.newbyteorder("<"), count, file.tell())
        file.seek(storage.size, io.SEEK_CUR)
    return values, storages


def _unpickle(file: IO[bytes], storages: dict[str, Storage]) -> Any:
    """Interpret one pickle, and add the storages that it refers to."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    argument: Any
    for opcode, argument, _ in itertools.islice(pickletools.genops(file), MOST_INSTRUCTIONS):
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                marks.append(len(stack))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append(CONSTANTS[opcode.name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append(EMPTY[opcode.name]())
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode.name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND" | "APPENDS":
                items = since_mark() if opcode.name == "APPENDS" else [stack.pop()]
                _checked(stack[-1], list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = since_mark() if opcode.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                keys = [_checked(key, str | int) for key in items[::2]]
                _checked(stack[-1], dict).update(zip(keys, items[1::2], strict=True))
            case "GLOBAL" | "STACK_GLOBAL":
                parts = argument.split(" ") if opcode.name == "GLOBAL" else [stack.pop(-2), stack.pop()]
                name = ".".join(parts)
                if name not in NAMES:
                    raise DamageError(
                        f"names {brief(name)}, which could execute code, so it is not read: "
                        "save `model.state_dict()` again"
                    )
                stack.append(Name(name))
            case "REDUCE":
                arguments = _checked(stack.pop(), tuple)
                stack.append(_call(_checked(stack.pop(), Name), arguments))
            case "BINPERSID":
                storage = _storage(*_checked(stack.pop(), tuple))
                stack.append(storages.setdefault(storage.key, storage))
            case "BUILD":  # attributes of the dict: versions of the modules
                stack.pop()
            case "STOP":
                return stack.pop()
            case other:
                raise DamageError(f"has the pickle instruction {other}, which no state dict needs, so it is not read")
    raise DamageError(f"has a pickle of more than {MOST_INSTRUCTIONS:,} instructions, which no state dict needs")


def _checked(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise DamageError(f"has a {type(value).__name__} where a state dict has another type")
    return value


def _call(function: Name, arguments: tuple[Any, ...]) -> Any:
    """Evaluate one of the three functions that a state dict calls."""
    if function.text == ORDERED_DICT and not arguments:
        return {}
    if function.text == REBUILD_PARAMETER:
        return arguments[0]
    if function.text == REBUILD_TENSOR:
        storage, offset, shape, stride = arguments[:4]
        numbers = (offset, *shape[:MOST_SIDES], *stride[:MOST_SIDES])
        are_sizes = all(isinstance(number, int) and number >= 0 for number in numbers)
        if isinstance(storage, Storage) and are_sizes and len(shape) == len(stride) <= MOST_SIDES:
            return Tensor(storage, offset, shape, stride)
    raise DamageError(f"calls {function.text} with other arguments than PyTorch does")


def _storage(kind: Any, name: Any, key: Any, device: Any, count: Any, view: Any = None) -> Storage:
    """Parse a reference to a storage; `view`, which old files append, must be None."""
    is_named = isinstance(kind, str) and kind == "storage" and isinstance(name, Name) and name.text in STORAGES
    if not is_named or not isinstance(key, str) or not isinstance(count, int) or count < 0 or view is not None:
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
