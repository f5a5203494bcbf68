"""Recognize the format of a file of weights by its content, because its suffix often says something else."""

from pathlib import Path

from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import check_regular
from alexnet_keras.system.zip_files import open_zip
from alexnet_keras.weights.sizes import Budget

HEADS = {
    b"PK\x03\x04": "zip",
    b"\x89HDF\r\n\x1a\n": "h5",
    b"\x93NUMPY": "npy",
    b"ALEXNET": "alexnet",
    b"\x80": "pytorch",  # the first instruction of a pickle
    # Tags of caffe.proto's NetParameter: name, layers, input, input_dim, force_backward, state, debug_info,
    # input_shape, layer.
    **dict.fromkeys((b"\n", b"\x12", b"\x1a", b" ", b"(", b"2", b"8", b"B", b"\xa2\x06"), "caffe"),
}
PROBLEMS = {
    b"": "is empty; copy or download it again",
    b"\x1f\x8b": "is compressed by gzip; unpack it",
    b"BZh": "is compressed by bzip2; unpack it",
    b"\xfd7zXZ": "is compressed by xz; unpack it",
    b"version https://git-lfs": "is a pointer of Git LFS instead of the file; fetch the file with 'git lfs pull'",
    b"<": "is a web page instead of a file of weights; download the file itself",
}
TAR, TAR_POSITION = b"ustar", 257
FORMATS = ".keras, .alexnet, .caffemodel, .pth, .safetensors, .npz, .npy and .h5"


def kind_of(path: Path) -> str:
    """Return the format of a file of weights: caffe, pytorch, safetensors, npz, npy, h5, alexnet or keras."""
    check_regular(path)
    with path.open("rb") as file:
        head = file.read(TAR_POSITION + len(TAR))
    problem = next((PROBLEMS[start] for start in PROBLEMS if (head.startswith(start) if start else not head)), None)
    if head[TAR_POSITION:] == TAR:
        problem = "is a tar archive; unpack it and name the file of weights in it"
    if problem:
        raise InputError(f"{path} {problem}.")
    if head[8:9] == b"{" and head[5:8] == bytes(3):  # a header of JSON after its length
        return "safetensors"
    kind = next((HEADS[start] for start in HEADS if head.startswith(start)), None)
    if kind == "zip":
        kind = _kind_of_zip(path)
    if kind is None:
        raise InputError(f"{path} has none of the formats {FORMATS}; convert it, or check that it is complete.")
    return kind


def _kind_of_zip(path: Path) -> str | None:
    with open_zip(path, Budget(path).limit) as archive:
        names = archive.namelist()
    if "config.json" in names:
        return "keras"
    if any(name.endswith("/data.pkl") for name in names):
        return "pytorch"
    return "npz" if any(name.endswith(".npy") for name in names) else None
