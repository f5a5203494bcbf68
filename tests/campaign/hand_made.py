"""Bad files and folders that no random damage would find: bombs, special files, foreign names."""

import functools
import io
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from campaign.harness import Case
from PIL import Image

TRAIN = ("train", "--data", "photos", "--run", "new", "--epochs", "1")
CHECK = ("data", "check", "--data", "photos")
LARGE = 2**30  # bytes that a small file unfolds to, where it says so


def deflated(path: Path, members: dict[str, bytes], zeros: str = "") -> None:
    """Write a ZIP file, with one gigabyte of zeros behind the member that `zeros` names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
                for _ in range(3 * LARGE // 2**24 if name == zeros else 0):
                    member.write(bytes(2**24))


def npz_bomb(home: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (3 * LARGE // 4,)})
    deflated(home / "bomb.npz", {"conv1/kernel.npy": header.getvalue()}, "conv1/kernel.npy")


def pth_bomb(home: Path) -> None:
    deflated(home / "bomb.pth", {"alexnet/data.pkl": b"\x80\x02"}, "alexnet/data.pkl")


def nested_tuples(home: Path) -> None:
    deflated(home / "nested.pth", {"alexnet/data.pkl": b"\x80\x02})" + b"\x85" * 300_000 + b"K\x00s."})


def doubled_tuples(home: Path) -> None:
    deflated(home / "doubled.pth", {"alexnet/data.pkl": b"\x80\x02})" + b"2\x86" * 60 + b"K\x00s."})


def sparse_h5(home: Path) -> None:
    with h5py.File(home / "sparse.h5", "w") as file:
        file.create_dataset("conv1/kernel", (30_000, 30_000), "f4", chunks=(1000, 1000))


def external_h5(home: Path) -> None:
    with h5py.File(home / "external.h5", "w") as file:
        file.create_dataset("conv1/bias", (8,), "f4", external=[("/etc/passwd", 0, 32)])


def virtual_h5(home: Path) -> None:
    layout = h5py.VirtualLayout((8,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (8,))
    with h5py.File(home / "virtual.h5", "w") as file:
        file.create_virtual_dataset("conv1/bias", layout)


def linked_h5(home: Path) -> None:
    with h5py.File(home / "linked.h5", "w") as file:
        file["conv1"] = h5py.ExternalLink("/etc/other.h5", "/conv1")


def safetensors_header(home: Path) -> None:
    (home / "header.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")


def archive_shape(home: Path) -> None:
    (home / "shape.alexnet").write_bytes(b"ALEXNET\x01" + bytes(32) + struct.pack("<I", 2**32 - 1) + b"{}")


@functools.cache
def many_frames() -> bytes:
    """A GIF of 200 frames of four megapixels each."""
    frames, buffer = [Image.new("P", (2000, 2000), index % 7) for index in range(200)], io.BytesIO()
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=10, disposal=0)
    return buffer.getvalue()


@functools.cache
def many_scans() -> bytes:
    """A progressive JPEG whose last scan is repeated 1,500 times."""
    buffer = io.BytesIO()
    Image.effect_noise((1500, 1500), 20).save(buffer, "JPEG", quality=5, progressive=True)
    data = buffer.getvalue()
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 1500 + b"\xff\xd9"


@functools.cache
def large_png() -> bytes:
    """A PNG of 900 megapixels."""
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    return buffer.getvalue()


def in_data(make: Callable[[Path], object], name: str) -> Callable[[Path], None]:
    return lambda home: (make(home / "photos" / "train" / "red" / name), None)[1]


def rename_class(name: bytes) -> Callable[[Path], None]:
    def rename(home: Path) -> None:
        for split in ("train", "val"):
            folder = os.fsencode(home / "photos" / split)
            os.rename(os.path.join(folder, b"red"), os.path.join(folder, name))

    return rename


def deep_json(path: str) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_text("[" * 200_000 + "]" * 200_000)

    return write


def labels(names: list[str]) -> Callable[[Path], None]:
    """Give the run of a case other class names, in its configuration and in its model."""

    def write(home: Path) -> None:
        config = json.loads((home / "run" / "config.json").read_text())
        config["measured"]["class_names"] = names
        (home / "run" / "config.json").write_text(json.dumps(config))
        source, target = home / "run" / "model.keras", home / "run" / "new.keras"
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for member in old.infolist():
                content = old.read(member)
                if member.filename == "config.json":
                    text = content.decode().replace('["blue", "green", "red"]', json.dumps(names))
                    content = text.encode()
                new.writestr(member, content)
        os.replace(target, source)

    return write


def images() -> Iterator[tuple[str, Callable[[Path], None], str]]:
    yield "GIF of 200 frames named .png", in_data(lambda path: path.write_bytes(many_frames()), "x.png"), "x.png"
    yield "GIF of 200 frames named .jpg", in_data(lambda path: path.write_bytes(many_frames()), "x.jpg"), "x.jpg"
    yield "JPEG of 1,500 scans", in_data(lambda path: path.write_bytes(many_scans()), "x.jpg"), "x.jpg"
    yield "PNG of 900 megapixels", in_data(lambda path: path.write_bytes(large_png()), "x.png"), "x.png"
    yield "named pipe", in_data(os.mkfifo, "x.jpg"), "x.jpg"
    yield "link to /dev/zero", in_data(lambda path: path.symlink_to("/dev/zero"), "x.jpg"), "x.jpg"
    yield "link to itself", in_data(lambda path: path.symlink_to(path.name), "x.png"), "x.png"
    yield "folder named .jpg", in_data(Path.mkdir, "x.jpg"), "x.jpg"


WEIGHTS: dict[str, Callable[[Path], None]] = {
    "bomb.npz": npz_bomb,
    "bomb.pth": pth_bomb,
    "nested.pth": nested_tuples,
    "doubled.pth": doubled_tuples,
    "sparse.h5": sparse_h5,
    "external.h5": external_h5,
    "virtual.h5": virtual_h5,
    "linked.h5": linked_h5,
    "header.safetensors": safetensors_header,
}


ENVIRONMENT = (
    *(
        ("TF_CONFIG", text)
        for text in ("{", "[]", "[" * 200_000, '{"cluster": {"worker": ["a"]}}', "\x1b[31m", "9" * 5000)
    ),
    ("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1e400}}'),
    ("TF_CONFIG", '{"cluster": {"ps": ["a:1"], "worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'),
    ("SLURM_STEP_NUM_TASKS", "2"),
)


def cases(run: Path, data: Path) -> Iterator[Case]:
    """Every bad file, read by each command that opens files of its kind."""

    def case(name: str, change: Callable[[Path], None], *command: str, **options: object) -> Case:
        def prepare(home: Path) -> None:
            shutil.copytree(run, home / "run")
            shutil.copytree(data, home / "photos")
            shutil.copy(data / "val" / "red" / "1.png", home / "image.png")
            change(home)

        return Case("made by hand", f"{name}: {' '.join(command)}", (command,), prepare, seconds=60, options=options)

    for name, change in WEIGHTS.items():
        yield case(name, change, "weights", "import", name, "--variant", "paper", "--output", "out.keras")
    yield case("shape.alexnet", archive_shape, "predict", "shape.alexnet", "image.png")
    for name, change, file in images():
        yield case(name, change, "predict", "run", f"photos/train/red/{file}")
        yield case(name, change, *CHECK)
        yield case(name, change, "data", "prepare", "--data", "photos", "--output", "out")
        yield case(name, change, *TRAIN)
    for name in (b"\xff\xfe", b"a\nb", "a\u2028b".encode(), b"\x1b[31m", b" ", b"\\n"):
        yield case(f"class {name!r}", rename_class(name), *CHECK)
        yield case(f"class {name!r}", rename_class(name), "data", "prepare", "--data", "photos", "--output", "out")
    for name in ("run/config.json", "run/export.json", "run/compression.json"):
        yield case("deep JSON", deep_json(name), "compress", "run", "--epochs", "0")
        yield case("deep JSON", deep_json(name), "export", "run", "--format", "keras", "--output", "run/out.keras")
    yield case("deep JSON", deep_json("shards/dataset.json"), "data", "check", "--data", "shards")
    for names in (
        ["a\nb", "c", "d"],
        ["a\u2028b", "c", "d"],
        ["\x1b]0;x\x07", "c", "d"],
        ["a", "b"],
        ["a"] * 4,
        ["", "", ""],
    ):
        yield case(f"labels {names!a}", labels(names), "predict", "run", "image.png")
        yield case(f"labels {names!a}", labels(names), "evaluate", "run", "--json")
    for variable, value in ENVIRONMENT:
        yield case(variable, lambda home: None, *TRAIN, environment={variable: value})
    for encoding in ("latin-1", "ascii"):
        for command in (("predict", "run", "image.png"), ("info", "run"), (*CHECK,), ("--help",)):
            yield case(encoding, lambda home: None, *command, encoding=encoding)
