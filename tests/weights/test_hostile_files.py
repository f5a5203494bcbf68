"""Files of weights that were made to read other files, to fill the memory, to hang or to crash the reader.

One process with bounded memory and time reads all of them, and prints the error of each.
"""

import io
import json
import os
import pickle
import re
import zipfile

import h5py
import numpy as np
import pytest
from support.processes import Program
from support.weight_files import field, name, number, numbers, state_dict, text, varint

from alexnet_keras.weights import pytorch

MEMORY = 700 * 10**6  # bytes above the start, a little more than the bound of a small file
SECONDS = 60
READ_ALL = f"""
import resource, sys
from pathlib import Path
from alexnet_keras.weights.trained_weights import read
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {MEMORY},) * 2)
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS},) * 2)
import json
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read(path)
        error = ""
    except ValueError as raised:
        error = type(raised).__name__ + ": " + str(raised)
    print(json.dumps([path.name, error]), flush=True)
"""
ESCAPE = "\x1b]0;owned\x07" * 50
ONES = {"x": np.ones(2, "float32")}


def with_h5(write):
    """The content of an HDF5 file that `write` fills."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    return buffer.getvalue()


def external(file):
    file.create_dataset("conv1/bias", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("conv1/bias", layout)


def external_link(file):
    file["conv1"] = h5py.ExternalLink("/etc/passwd", "/conv1")


def soft_link(file):
    file["fc8/bias"] = np.ones(4, "f4")
    file["conv1/bias"] = h5py.SoftLink("/fc8/bias")


def circle(file):
    file.create_group("a")
    file["a/b"] = file["a"]


def sparse(file):
    file.create_dataset("conv1/bias", (10**9,), "f4")


def large_chunk(file):
    file.create_dataset("conv1/bias", (0,), "f4", chunks=(10**9,), maxshape=(None,))


def compressed(file):
    file.create_dataset("conv1/bias", data=np.zeros(4, "f4"), compression="gzip")


def words(file):
    file["conv1/bias"] = [ESCAPE]


def with_zip(members, compression=zipfile.ZIP_STORED, declared=None):
    """The content of a ZIP file; `declared` is the size that its table of contents declares for each member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
            if declared:
                archive.getinfo(member).file_size = declared
    return buffer.getvalue()


def npy(shape, content):
    """An .npy file that declares a shape of float32 values."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


def with_pickle(pickled, storage=b""):
    return with_zip({"a/data.pkl": pickled, "a/data/0": storage})


def legacy(*pickles):
    head = [pickle.dumps(value, protocol=2) for value in (pytorch.LEGACY_MAGIC, 1001, {})]
    return b"".join((*head, *pickles))


DOUBLED = b"\x80\x02)" + b"q\x00h\x00\x86" * 60  # a tuple of two tuples of two tuples ...: 2 ** 60 in the end
NESTED = b")" + b"\x85" * 50_000
MANY_SIDES = field(100, field(1, b"conv1") + field(7, field(7, field(1, varint(2**62) * 100_000))))

FILES = {
    "external.h5": (with_h5(external), "has 'conv1/bias', which is stored in another file; write the file again"),
    "virtual.h5": (with_h5(virtual), "has 'conv1/bias', which is stored in another file"),
    "external_link.h5": (with_h5(external_link), "has 'conv1', which is a link to another place"),
    "soft_link.h5": (with_h5(soft_link), "has 'conv1/bias', which is a link to another place"),
    "circle.h5": (with_h5(circle), "has 'a/b/b/.*', which is more than an AlexNet can have"),
    "sparse.h5": (with_h5(sparse), "has 'conv1/bias', which is not stored in full"),
    "large_chunk.h5": (
        with_h5(large_chunk),
        "declares 1 arrays of 4,000,000,000 bytes, but an AlexNet in such a file ",
    ),
    "compressed.h5": (with_h5(compressed), "has 'conv1/bias', which is compressed"),
    "words.h5": (with_h5(words), "has 'conv1/bias', which is no array of numbers"),
    "declared.npz": (
        with_zip({"conv1/bias.npy": npy((4,), bytes(16))}, zipfile.ZIP_DEFLATED, 2**31),
        "unpacks to 2,147,483,648 bytes, but at most 600,000,000 are expected; check the file",
    ),
    "shape.npz": (
        with_zip({"conv1/bias.npy": npy((10**6, 10**6), bytes(16))}),
        r"is not an .npz file of arrays, or is damaged \(an array of shape \(1000000, 1000000\) and type float32 has",
    ),
    "members.npz": (
        with_zip({f"{index}.npy": b"" for index in range(1001)}),
        "holds more than 1,000 files, which no model has; check the file",
    ),
    "lzma.npz": (
        with_zip({"a.npy": b""}, zipfile.ZIP_LZMA),
        "is not compressed by deflate; pack it again with another program",
    ),
    "metadata.npz": (
        with_zip({"metadata.npy": npy((), b"1234"), "a/b.npy": npy((1,), bytes(4))}),
        "has metadata that cannot be used: metadata must be an object",
    ),
    "names.npz": (
        with_zip({f"{ESCAPE}.npy": npy((), bytes(4))}),
        r"has no layer of an AlexNet, only \\x1b\]0;owned\\x.* ... .*ed\\x07; check the file",
    ),
    "header.safetensors": (
        (10**9).to_bytes(8, "little") + b"{}",
        r"is not a .safetensors file, or is damaged \(it declares a header of 1,000,000,000 bytes\)",
    ),
    "nested_key.pth": (
        with_pickle(b"\x80\x02}" + NESTED + b"Ns."),
        "has no state dict; save",
    ),
    "long.pth": (
        with_pickle(b"\x80\x02})" + b"\x85" * 300_000),
        "has a pickle of more than 100,000 instructions, which no weights need",
    ),
    "doubled_key.pth": (with_pickle(b"\x80\x02}" + DOUBLED[2:] + b"Ns."), "has no state dict; save"),
    "doubled_argument.pth": (
        with_pickle(b"\x80\x02" + name("torch._utils", "_rebuild_tensor_v2") + b"(" + DOUBLED[2:] + b"N))tR."),
        "calls torch._utils._rebuild_tensor_v2 with other arguments than PyTorch does",
    ),
    "doubled_storage.pth": (with_pickle(DOUBLED + b"Q."), "is not a PyTorch file, or is damaged"),
    "doubled_name.pth": (with_pickle(DOUBLED + text("a") + b"\x93."), "is not a PyTorch file, or is damaged"),
    "doubled_key_of_storage.pth": (
        legacy(b"\x80\x02}.", b"\x80\x02]" + DOUBLED[2:] + b"a."),
        "has a tuple where weights have another type",
    ),
    "escapes.pth": (
        with_pickle(b"\x80\x02" + name("os" + ESCAPE, "system") + b")R."),
        r"has no state dict, but an object of 'os.*', whose code is never run here; save `model.state_dict\(\)`",
    ),
    "large_storage.pth": (
        with_pickle(state_dict(ONES).replace(number(2), number(2**31 - 1), 1), bytes(8)),
        "has a storage '0' of 8 bytes, not 2,147,483,647 numbers",
    ),
    "large_storage_of_2018.pth": (
        legacy(
            state_dict(ONES, legacy=True).replace(number(2), number(2**31 - 1), 1),
            pickle.dumps(["0"], protocol=2),
            (2**31 - 1).to_bytes(8, "little"),
        ),
        "is truncated",
    ),
    "many_sides.pth": (
        with_pickle(state_dict(ONES).replace(numbers((2,)) + numbers((1,)), 2 * numbers((1,) * 9)), bytes(8)),
        "calls torch._utils._rebuild_tensor_v2 with other arguments than PyTorch does",
    ),
    "fields.caffemodel": (
        field(100, b"") * 100_001,
        r"is not a .caffemodel, or is damaged \(it has too many fields\)",
    ),
    "sides.caffemodel": (MANY_SIDES, "is not a .caffemodel, or is damaged .a blob of shape .46116860184"),
    "endless.caffemodel": (
        b"\n" + b"\xff" * 100,
        "is not a .caffemodel, or is damaged .it has a number of more than 64 bits",
    ),
    "type.caffemodel": (b"\n\x00\x0b", "is not a .caffemodel, or is damaged .a field has the unknown type 3"),
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """File -> the error of reading it."""
    folder = tmp_path_factory.mktemp("hostile")
    for file, (content, _) in FILES.items():
        (folder / file).write_bytes(content)
    os.mkfifo(folder / "pipe.npz")
    (folder / "device.pth").symlink_to("/dev/zero")
    for large, head, size in LARGE:
        with (folder / large).open("wb") as file:
            file.write(head)
            file.truncate(size)
    return dict(json.loads(line) for line in Program("-c", READ_ALL, folder).succeed().out.splitlines())


LARGE = (
    ("large.caffemodel", b"\n", 601 * 10**6),
    ("large.safetensors", (100).to_bytes(8, "little") + b"{", 2**33),
    ("large.npz", b"PK\x03\x04", 2**33),
)
EXPECTED = {file: message for file, (_, message) in FILES.items()} | {
    "pipe.npz": "is a named pipe, not a regular file; copy its content into a file",
    "device.pth": "is a device, not a regular file; copy its content into a file",
    "large.caffemodel": "has 601,000,000 bytes, but at most 600,000,000 are expected; check the file",
    "large.safetensors": "declares 1 arrays of 8,589,934,592 bytes, but an AlexNet in such a file has at most 1,000 a",
    "large.npz": "is damaged: it is not a complete ZIP archive",
}


@pytest.mark.parametrize("file", EXPECTED)
def test_a_hostile_file_is_refused_in_one_printable_line(file, errors):
    assert re.match(f"InputError: .*{file} {EXPECTED[file]}", errors[file]), errors[file]
    assert errors[file].isprintable()
    assert len(errors[file]) < 700


def test_a_storage_in_a_compressed_member(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(with_zip({"a/data.pkl": state_dict(ONES), "a/data/0": bytes(8)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(Exception, match="a.pth has a storage '0' of 8 bytes, not 2 numbers"):
        pytorch.read(path)
