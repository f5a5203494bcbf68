"""Shards: 256-pixel images, written once, read fast in any order.

A shard is a `.npy` file, NumPy's own format: stable since 2007, specified in public, read by `np.load` anywhere, and
no more than a header before the bytes. Raw images are one array `(N, 256, 256, 3)`; JPEG files lie one behind the
other in a flat array of bytes. Random access is then one `pread` at an offset, on two cores about 100,000 raw images
a second; ArrayRecord, which reads at random too, gave 10,000 to 17,000 a core, TFRecord and tar files (WebDataset) have
no random access at all, so they can only shuffle within a buffer. Reads are `pread` and not memory maps, because a
disk's error is then an exception and not a signal that ends the process, and the pages count nobody's memory.

    DIR/plan.json                data and settings; written first
    DIR/dataset.json             what is in it; written last, so a folder with it is complete
    DIR/train-00000.npy          images
    DIR/train-00000.index.npy    offset, length, label and checksum of each
    DIR/train-00000.sources.json where each came from
    DIR/train-00000.notes.npz    bad images, and sums from which the statistics are made

Every image has a 64-bit checksum (XXH3, 2 microseconds a raw image), which is compared at every read, and
dataset.json has one of every index and of every list of sources: neither an image nor a label can
change unseen.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from alexnet_keras.system.errors import InputError

FORMAT = 2
MANIFEST = "dataset.json"
PLAN = "plan.json"  # written first: what decides the bytes of all shards
SPLITS = ("train", "validation")
ENCODINGS = ("jpeg", "raw")
INDEX = np.dtype([("offset", "<i8"), ("length", "<i8"), ("label", "<i8"), ("checksum", "<u8")])
HEADER_BYTES = 128  # a .npy header of these shapes, padded to a multiple of 64


def images_file(shard: str) -> str:
    return f"{shard}.npy"


def index_file(shard: str) -> str:
    return f"{shard}.index.npy"


def sources_file(shard: str) -> str:
    return f"{shard}.sources.json"


def checksum(path: Path) -> str:
    """Return the checksum of a whole file, which must be small."""
    return xxhash.xxh3_64_hexdigest(path.read_bytes())


def manifest(folder: Path) -> dict[str, Any]:
    """Return the content of dataset.json.

    Raises:
        InputError: it is missing, damaged, or of a later version.
    """
    try:
        values = json.loads((folder / MANIFEST).read_text())
        found = values["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is missing or damaged; prepare the data set again.") from error
    if found != FORMAT:
        raise InputError(f"{folder} holds shards of format {found}, this version reads {FORMAT}; prepare them again.")
    assert isinstance(values, dict)
    return values


def is_prepared(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def read_index(folder: Path, entry: dict[str, Any]) -> np.ndarray:
    """The index of a shard, once it and the size of the images' file are what dataset.json says.

    Returns:
        `(N,)` of the dtype `INDEX`.

    Raises:
        InputError: they are not.
    """
    path, images = folder / index_file(entry["name"]), folder / images_file(entry["name"])
    try:
        content = path.read_bytes()
        size = images.stat().st_size
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); prepare the data set again.") from error
    if xxhash.xxh3_64_hexdigest(content) != entry["index_checksum"]:
        raise InputError(f"{path} is damaged (checksum); remove it and prepare the data set again.")
    if size != entry["bytes"]:
        raise InputError(
            f"{images} is damaged: {size:,} bytes instead of {entry['bytes']:,}; "
            "remove it and prepare the data set again."
        )
    index: np.ndarray = np.load(io.BytesIO(content))
    return index


def describe(folder: Path, shard: str) -> dict[str, Any]:
    """A finished shard's entry for dataset.json."""
    return {
        "name": shard,
        "images": len(np.load(folder / index_file(shard))),
        "bytes": (folder / images_file(shard)).stat().st_size,
        "index_checksum": checksum(folder / index_file(shard)),
        "sources_checksum": checksum(folder / sources_file(shard)),
    }
