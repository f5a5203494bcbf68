"""Shards: 256-pixel images, written once, read fast in any order.

A shard is a `.npy` file, which is a header and the bytes. This is NumPy's own format: stable since 2007, specified in
public, and read by `np.load` anywhere. Raw images are one array `(N, 256, 256, 3)`. JPEG files lie one behind the other
in a flat array of bytes. Random access is then one `pread` at an offset: about 100,000 raw images a second on two
cores. ArrayRecord, which also reads at random, gave 10,000 to 17,000 a core. TFRecord and tar files (WebDataset) have
no random access, so they can only shuffle within a buffer.

Reads use `pread` instead of memory maps for two reasons. An error of the disk is then an exception instead of a signal
that ends the process. And unlike the pages of a memory map, the bytes do not count as memory of the process.

    DIR/plan.json                data and settings; written first
    DIR/dataset.json             what is in it; written last, so a folder with it is complete
    DIR/train-00000.npy          images
    DIR/train-00000.index.npy    offset, length, label and checksum of each
    DIR/train-00000.sources.json where each came from
    DIR/train-00000.notes.npz    bad images, and sums from which the statistics are made

Every image has a 64-bit checksum (XXH3, 2 microseconds a raw image), which is compared at every read. dataset.json has
a checksum of every index and of every list of sources. So neither an image nor a label can change unseen.
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import ENCODINGS, STORED_SIZE
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.decode import stored_bytes
from alexnet_keras.system.errors import InputError, OptionError, check
from alexnet_keras.system.input_files import check_regular, read_bytes, read_json
from alexnet_keras.system.terminal_text import brief

FORMAT = 2
MANIFEST = "dataset.json"
IMAGES_FILE, INDEX_FILE, SOURCES_FILE, NOTES_FILE = "{}.npy", "{}.index.npy", "{}.sources.json", "{}.notes.npz"
PLAN = "plan.json"  # written first: what decides the bytes of all shards
INDEX = np.dtype([("offset", "<i8"), ("length", "<i8"), ("label", "<i8"), ("checksum", "<u8")])
HEADER_BYTES = 128  # a .npy header of these shapes, padded to a multiple of 64
MAX_LIST_BYTES = 2**26  # of an index or a list of sources; 4,096 images have 131 kB and about 400 kB
MIN_SIZE, MAX_SIZE = 32, 1024  # pixels; earlier versions stored more than training does


@dataclass(frozen=True)
class Shard:
    """A finished shard, as dataset.json lists it: its name, counts of images and bytes, and checksums of its lists."""

    name: str
    images: int
    bytes: int
    index_checksum: str
    sources_checksum: str

    def __post_init__(self) -> None:
        check(re.fullmatch(r"(train|validation)-\d{5}", self.name) is not None, f"A shard is named {brief(self.name)}.")
        check(self.images >= 0, f"The shard {self.name} has {self.images} images.")


@dataclass(frozen=True)
class Splits:
    """The shards of each split."""

    train: tuple[Shard, ...]
    validation: tuple[Shard, ...]


@dataclass(frozen=True)
class BadImage:
    """An image that was left out: its shard, its name, and the reason as a phrase that follows its name."""

    shard: str
    image: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """The content of dataset.json."""

    format: int
    name: str
    size: int
    encoding: str
    class_names: tuple[str, ...]
    splits: Splits
    statistics: ColorStatistics
    bad_images: tuple[BadImage, ...]
    upright: bool = False  # earlier versions did not turn images

    def __post_init__(self) -> None:
        check(MIN_SIZE <= self.size <= MAX_SIZE, f"`size` must be {MIN_SIZE} to {MAX_SIZE} pixels, got {self.size}.")
        check(self.encoding in ENCODINGS, f"`encoding` must be {' or '.join(ENCODINGS)}, got {brief(self.encoding)}.")

    def shards(self, split: str) -> tuple[Shard, ...]:
        found: tuple[Shard, ...] = getattr(self.splits, split)
        return found


def manifest(folder: Path) -> Manifest:
    values = read_json(folder / MANIFEST)
    found = values.get("format")
    if type(found) is int and found != FORMAT:
        raise InputError(f"{folder} holds shards of format {found}, this version reads {FORMAT}; prepare them again.")
    values.pop("mean_image_checksum", None)  # of version 0.1.0
    if "bad_pictures" in values:  # of version 0.1.0
        values["bad_images"] = renamed(values.pop("bad_pictures"))
    try:
        read: Manifest = build(Manifest, values, MANIFEST)
    except OptionError as error:
        raise InputError(f"{folder / MANIFEST} is damaged: {error} Prepare the data set again.") from error
    return read


def renamed(bad: Any) -> Any:
    """Replace the key `picture` of earlier versions by `image` in a list of bad images from JSON."""
    if not isinstance(bad, list) or not all(isinstance(entry, dict) for entry in bad):
        return bad  # for the checker
    return [{"image" if key == "picture" else key: value for key, value in entry.items()} for entry in bad]


def is_prepared(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def read_index(folder: Path, shard: Shard, encoding: str, size: int) -> np.ndarray:
    """Read the index of a shard and check that it and the file of the images are what dataset.json says."""
    path, images = folder / INDEX_FILE.format(shard.name), folder / IMAGES_FILE.format(shard.name)
    content = read_bytes(path, MAX_LIST_BYTES)
    if xxhash.xxh3_64_hexdigest(content) != shard.index_checksum:
        raise InputError(f"{path} is damaged (checksum); remove it and prepare the data set again.")
    found = check_regular(images)
    if found != shard.bytes:
        raise InputError(
            f"{images} is damaged: {found:,} bytes instead of {shard.bytes:,}; "
            "remove it and prepare the data set again."
        )
    index = parse_index(content, path)
    lengths, ends = index["length"], index["offset"] + index["length"]
    most = stored_bytes(STORED_SIZE) * size**2 // STORED_SIZE**2  # a JPEG of noise has 94 KB of these 164 KB
    fits = lengths == size**2 * 3 if encoding == "raw" else (lengths > 0) & (lengths <= most)
    inside = (index["offset"] >= HEADER_BYTES) & (ends <= found) & (ends > index["offset"])
    if len(index) != shard.images or not np.all(fits & inside):
        raise InputError(f"{path} does not fit {images}; remove both and prepare the data set again.")
    return index


def parse_index(content: bytes, path: Path) -> np.ndarray:
    """Parse the bytes of an index, without allocating what its header declares."""
    buffer = io.BytesIO(content)
    try:
        np.lib.format.read_magic(buffer)
        shape, _, dtype = np.lib.format.read_array_header_1_0(buffer)
        if dtype != INDEX or shape != ((len(content) - buffer.tell()) // INDEX.itemsize,):
            raise ValueError
        return np.frombuffer(content, INDEX, offset=buffer.tell())
    except ValueError as error:
        raise InputError(f"{path} is damaged: it is no index; remove it and prepare the data set again.") from error


def describe(folder: Path, shard: str) -> Shard:
    index, sources = (read_bytes(folder / file.format(shard), MAX_LIST_BYTES) for file in (INDEX_FILE, SOURCES_FILE))
    return Shard(
        name=shard,
        images=len(parse_index(index, folder / INDEX_FILE.format(shard))),
        bytes=check_regular(folder / IMAGES_FILE.format(shard)),
        index_checksum=xxhash.xxh3_64_hexdigest(index),
        sources_checksum=xxhash.xxh3_64_hexdigest(sources),
    )
