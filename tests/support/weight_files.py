"""Files of trained weights, written byte by byte without the libraries whose formats they have."""

import pickle
import struct
import zipfile

import h5py
import numpy as np

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.weights import named_arrays

GROUPED = {"conv2", "conv4", "conv5"}


def blobs(filters=(4, 6, 8, 4, 6), units=(10, 12), classes=3, pool5=3, groups=2, seed=0):
    """Random weights and biases of a narrow AlexNet, channels first as Caffe and PyTorch have them."""
    random = np.random.RandomState(seed)
    sizes, inputs = (11, 5, 3, 3, 3), (3, *filters[:4])
    shapes = {
        f"conv{number}": (outs, ins // (groups if f"conv{number}" in GROUPED else 1), size, size)
        for number, outs, ins, size in zip(range(1, 6), filters, inputs, sizes, strict=True)
    }
    widths = (filters[4] * pool5**2, *units, classes)
    shapes |= {f"fc{number}": (outs, ins) for number, ins, outs in zip((6, 7, 8), widths, widths[1:], strict=False)}
    return {
        name: [random.normal(0, 0.1, shape).astype("float32"), random.normal(0, 0.1, shape[:1]).astype("float32")]
        for name, shape in shapes.items()
    }


def narrow(**changes):
    values = {"name": "narrow", "filters": (4, 6, 8, 4, 6), "hidden_units": (10, 12), "initializer": "he_normal"}
    return Architecture(**{**values, **changes})


# Caffe's files: fields of protobuf.


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def new_blob(value):
    shape = field(7, field(1, b"".join(map(varint, value.shape))))
    return shape + field(5, value.astype("<f4").tobytes())


def old_blob(value):
    shape = (1,) * (4 - value.ndim) + value.shape
    sides = b"".join(field(number, side) for number, side in enumerate(shape, 1))
    return sides + field(8, value.astype("<f8").tobytes())


def unpacked_blob(value):
    """A blob as libraries write it that do not pack repeated numbers: each value with the tag of the field."""
    records = np.empty(value.size, [("tag", "u1"), ("value", "<f4")])
    records["tag"], records["value"] = 5 << 3 | 5, value.ravel()
    return field(7, b"".join(field(1, side) for side in value.shape)) + records.tobytes()


def caffemodel(path, layers, old=False, order=("norm1", "pool1"), make=None):
    layer, blob, name, make = (2, 6, 4, old_blob) if old else (100, 7, 1, make or new_blob)
    found = [("data", []), *list(layers.items())[:1], *((each, []) for each in order), *list(layers.items())[1:]]
    parts = [
        field(name, title.encode()) + b"".join(field(blob, make(value)) for value in values) for title, values in found
    ]
    path.write_bytes(field(1, b"AlexNet") + b"".join(field(layer, part) for part in parts))
    return path


# PyTorch's files: the pickle's instructions.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(module, what):
    return f"c{module}\n{what}\n".encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key, value, legacy=False):
    steps = [stride // value.itemsize for stride in value.strides]
    kind = {"float32": "FloatStorage", "float16": "HalfStorage"}[value.dtype.name]
    identity = text("storage") + name("torch", kind) + text(key) + text("cpu") + number(value.size)
    storage = b"(" + identity + (b"N" if legacy else b"") + b"tQ"
    arguments = (
        storage + number(0) + numbers(value.shape) + numbers(steps) + b"\x89" + name("collections", "OrderedDict")
    )
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b")Rt" + b"R"


def state_dict(arrays, legacy=False):
    """As `torch.save(module.state_dict())` writes it: an ordered dict with an attribute of its own."""
    items = b"".join(text(key) + tensor(str(place), value, legacy) for place, (key, value) in enumerate(arrays.items()))
    attributes = b"}" + text("_metadata") + name("collections", "OrderedDict") + b")Rs"
    return b"\x80\x02" + name("collections", "OrderedDict") + b")Rq\x01(" + items + b"u" + attributes + b"b."


def checkpoint(**items):
    """The pickle of a dict of pickles, as `torch.save({"state_dict": ..., "epoch": ...})` writes it."""
    values = b"".join(text(key) + value.removeprefix(b"\x80\x02")[:-1] for key, value in items.items())
    return b"\x80\x02}(" + values + b"u."


def string_of_python2(value):
    data = value.encode() if isinstance(value, str) else value
    return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<I", len(data)) + data


def state_dict_of_python2(arrays):
    """As Python 2 and PyTorch 0.2 write it: byte strings, `_rebuild_tensor`, and an OrderedDict made of lists."""
    items = b""
    for place, (key, value) in enumerate(arrays.items()):
        identity = string_of_python2("storage") + name("torch", "FloatStorage") + string_of_python2(str(place))
        storage = b"(" + identity + string_of_python2("cuda:0") + number(value.size) + b"NtQ"
        sides = numbers(value.shape) + numbers([stride // value.itemsize for stride in value.strides])
        rebuilt = name("torch._utils", "_rebuild_tensor") + b"(" + storage + number(0) + sides + b"tR"
        items += b"](" + string_of_python2(key) + rebuilt + b"e"
    return b"\x80\x02" + name("collections", "OrderedDict") + b"](" + items + b"e\x85R."


def npy_of_python2(path, layers):
    """As caffe-tensorflow saved a dict of lists of arrays with Python 2."""

    def reconstruct(shape, kind, content):
        made = name("numpy.core.multiarray", "_reconstruct") + b"(" + name("numpy", "ndarray") + numbers((0,))
        dtype = name("numpy", "dtype") + b"(" + string_of_python2(kind) + numbers((0, 1))[1:-1] + b"tR"
        order = b"(" + number(3) + string_of_python2("<" if kind == "f4" else "|") + b"NNN" + numbers((-1, -1, 0))[1:]
        return (
            made
            + string_of_python2("b")
            + b"tR("
            + number(1)
            + numbers(shape)
            + dtype
            + order
            + b"b\x89"
            + content
            + b"tb"
        )

    items = b""
    for layer, pair in layers.items():
        arrays = b"".join(reconstruct(value.shape, "f4", string_of_python2(value.tobytes())) for value in pair)
        items += string_of_python2(layer) + b"](" + arrays + b"e"
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\x80\x02" + reconstruct((), "O8", b"](}(" + items + b"u" + b"e") + b".")
    return path


def pth(path, arrays, pickled=None):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("alexnet/data.pkl", pickled or state_dict(arrays))
        archive.writestr("alexnet/byteorder", "little")
        for place, value in enumerate(arrays.values()):
            archive.writestr(f"alexnet/data/{place}", memory_of(value))
    return path


def memory_of(value):
    return value.T.tobytes() if value.ndim > 1 and value.flags.f_contiguous else value.tobytes()


def legacy_pth(path, arrays, pickled=None):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [*(pickle.dumps(value, protocol=2) for value in head), pickled or state_dict(arrays, legacy=True)]
    parts += [pickle.dumps([str(place) for place in range(len(arrays))], protocol=2)]
    parts += [struct.pack("<q", value.size) + memory_of(value) for value in arrays.values()]
    path.write_bytes(b"".join(parts))
    return path


def torchvision_tensors(given):
    names = dict(zip(given, ("features.0", "features.3", "features.6", "features.8", "features.10"), strict=False))
    names |= {"fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"}
    return {
        f"{names[layer]}.{kind}": value
        for layer, pair in given.items()
        for kind, value in zip(("weight", "bias"), pair, strict=True)
    }


def written(path):
    """A good file of the kind that the suffix says."""
    if path.suffix == ".caffemodel":
        return caffemodel(path, blobs())
    if path.suffix == ".pth":
        return pth(path, torchvision_tensors(blobs(groups=1)))
    arrays = {"conv1/kernel": np.ones((11, 11, 3, 4), "float32"), "conv1/bias": np.ones(4, "float32")}
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value
    else:
        named_arrays.write(path, arrays, {})
    return path
