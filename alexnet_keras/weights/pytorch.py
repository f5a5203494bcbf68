"""Read the tensors of a state dict in a .pth file of PyTorch, without PyTorch and without executing the pickle.

A pickle is a program. This reader interprets only the instructions that a state dict of tensors needs, and rejects
every other instruction and every name outside `NAMES` before acting on it.
"""

import io
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

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of files from before PyTorch 1.6
STORAGES = {
    "FloatStorage": np.dtype(np.float32),
    "DoubleStorage": np.dtype(np.float64),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}
ORDERED_DICT = "collections.OrderedDict"
REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2"
REBUILD_PARAMETER = "torch._utils._rebuild_parameter"
NAMES = {ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, *(f"torch.{name}" for name in STORAGES)}


class DamageError(Exception):
    """A file that cannot be read; the message is the reason."""


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names."""

    text: str


@dataclass(frozen=True)
class Storage:
    key: str
    dtype: np.dtype
    count: int


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
        InputError: the file is neither of these, is damaged, or names anything other than tensors.
    """
    try:
        with path.open("rb") as file:
            values, storages = _zipped(file) if zipfile.is_zipfile(file) else _legacy(file)
        if isinstance(values, Mapping) and isinstance(values.get("state_dict"), Mapping):
            values = values["state_dict"]
        if not isinstance(values, Mapping) or not any(isinstance(value, Tensor) for value in values.values()):
            raise DamageError("has no state dict: save `model.state_dict()`")
        return {
            str(name).removeprefix("module."): _array(value, storages)
            for name, value in values.items()
            if isinstance(value, Tensor)
        }
    except DamageError as error:
        raise InputError(f"{path} {error}.") from error
    except Exception as error:  # a damaged pickle can fail in as many ways as there are instructions
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is not a PyTorch file, or is damaged ({reason}).") from error


def _zipped(file: IO[bytes]) -> tuple[Any, dict[str, np.ndarray]]:
    """PyTorch 1.6 and later: `<name>/data.pkl`, and a file for each storage in `<name>/data/`."""
    with zipfile.ZipFile(file) as archive:
        (pickle,) = [name for name in archive.namelist() if name.endswith("/data.pkl")] or [""]
        if not pickle:
            raise DamageError("is a ZIP file without data.pkl, so PyTorch did not write it")
        folder = pickle.removesuffix("data.pkl")
        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
        found: dict[str, Storage] = {}
        values = _unpickle(io.BytesIO(archive.read(pickle)), found)
        storages = {}
        for key, storage in found.items():
            record = archive.getinfo(f"{folder}data/{key}")
            if record.compress_type != zipfile.ZIP_STORED or record.file_size != storage.count * storage.dtype.itemsize:
                raise DamageError(f"has a storage {key!r} of {record.file_size:,} bytes, not {storage.count:,} numbers")
            dtype = storage.dtype.newbyteorder(">" if order == b"big" else "<")
            storages[key] = np.frombuffer(archive.read(record), dtype)  # zipfile checks the CRC
        return values, storages


def _legacy(file: IO[bytes]) -> tuple[Any, dict[str, np.ndarray]]:
    """Before 1.6: five pickles (magic number, version, system, values, keys), then each storage after its length."""
    file.seek(0)
    if _unpickle(file, {}) != LEGACY_MAGIC:
        raise DamageError("is not a PyTorch file")
    found: dict[str, Storage] = {}
    _, _, values, keys = (_unpickle(file, storages) for storages in ({}, {}, found, {}))
    storages = {}
    for key in keys:
        storage = found[key]
        count = int.from_bytes(file.read(8), "little")
        data = file.read(storage.count * storage.dtype.itemsize)
        if count != storage.count or len(data) != storage.count * storage.dtype.itemsize:
            raise DamageError("is truncated")
        storages[key] = np.frombuffer(data, storage.dtype.newbyteorder("<"))
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
    for opcode, argument, _ in pickletools.genops(file):
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                marks.append(len(stack))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[opcode.name]())
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
                stack[-1].extend(items)
            case "SETITEM" | "SETITEMS":
                items = since_mark() if opcode.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "GLOBAL" | "STACK_GLOBAL":
                parts = argument.split(" ") if opcode.name == "GLOBAL" else [stack.pop(-2), stack.pop()]
                name = ".".join(parts)
                if name not in NAMES:
                    raise DamageError(
                        f"names {name!r}, which could execute code, so it is not read: save `model.state_dict()` again"
                    )
                stack.append(Name(name))
            case "REDUCE":
                arguments = stack.pop()
                stack.append(_call(stack.pop(), arguments))
            case "BINPERSID":
                stack.append(_storage(stack.pop(), storages))
            case "BUILD":  # attributes of the dict: versions of the modules
                stack.pop()
            case "STOP":
                return stack.pop()
            case other:
                raise DamageError(f"has the pickle instruction {other}, which no state dict needs, so it is not read")
    raise DamageError("is truncated")


def _call(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Evaluate one of the three functions that a state dict calls."""
    if function == Name(ORDERED_DICT) and not arguments:
        return {}
    if function == Name(REBUILD_PARAMETER):
        return arguments[0]
    if function == Name(REBUILD_TENSOR):
        storage, offset, shape, stride = arguments[:4]
        numbers = (offset, *shape, *stride)
        if isinstance(storage, Storage) and all(isinstance(number, int) and number >= 0 for number in numbers):
            return Tensor(storage, offset, shape, stride)
    raise DamageError(f"calls {function} with {arguments!r:.60}")


def _storage(identity: tuple[Any, ...], storages: dict[str, Storage]) -> Storage:
    """Parse a reference to a storage, `("storage", type, key, device, count)`; old files append a view."""
    kind, name, key, _, count, *view = identity
    if kind != "storage" or not isinstance(name, Name) or not isinstance(count, int) or view not in ([], [None]):
        raise DamageError("has a tensor in a storage of an unknown kind")
    return storages.setdefault(key, Storage(key, STORAGES[name.text.removeprefix("torch.")], count))


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
