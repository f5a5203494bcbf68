"""Shards: 256-pixel pictures, written once, read fast in any order.

A shard is a `.npy` file, NumPy's own format: stable since 2007, specified in public, read by `np.load` anywhere, and
no more than a header before the bytes. Raw pictures are one array `(N, 256, 256, 3)`; JPEG files lie one behind the
other in a flat array of bytes. Random access is then one `pread` at an offset, on two cores about 100,000 raw pictures
a second; ArrayRecord, which reads at random too, gave 10,000 to 17,000 a core, TFRecord and tar files (WebDataset) have
no random access at all, so they can only shuffle within a buffer. Reads are `pread` and not memory maps, because a
disk's error is then an exception and not a signal that ends the process, and the pages count nobody's memory.

    DIR/dataset.json             what is in it; written last, so a folder with it is complete
    DIR/mean_image.npy           (256, 256, 3) float64, 0..255, of the training pictures
    DIR/train-00000.npy          pictures
    DIR/train-00000.index.npy    offset, length, label and checksum of each
    DIR/train-00000.sources.json where each came from

Every picture has a 64-bit checksum (XXH3, 2 microseconds a raw picture), which is compared at every read, and
dataset.json has one of every index: neither a picture nor a label can change unseen.
"""

import bisect
import functools
import io
import json
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tensorflow as tf
import xxhash

from alexnet_keras import images, runs
from alexnet_keras.config import STORED_SIZE, InputError
from alexnet_keras.moments import ColourStatistics
from alexnet_keras.splits import DataSet, Split

FORMAT = 1
MANIFEST = "dataset.json"
MEAN_IMAGE = "mean_image.npy"
SPLITS = ("train", "validation")
ENCODINGS = ("jpeg", "raw")
INDEX = np.dtype([("offset", "<i8"), ("length", "<i8"), ("label", "<i8"), ("checksum", "<u8")])
HEADER_BYTES = 128  # a .npy header of these shapes, padded to a multiple of 64
ALIGNMENT = 64  # bytes; TensorFlow copies arrays that start elsewhere


def pictures_file(shard: str) -> str:
    return f"{shard}.npy"


def index_file(shard: str) -> str:
    return f"{shard}.index.npy"


def sources_file(shard: str) -> str:
    return f"{shard}.sources.json"


class ShardWriter:
    """Writes one shard, whose files get their names at the end, the index last.

    Args:
        folder: where to write.
        shard: its name, such as `train-00000`.
        size: side of the pictures in pixels.
        encoding: `"jpeg"` or `"raw"`.
    """

    def __init__(self, folder: Path, shard: str, size: int, encoding: str) -> None:
        self.folder, self.shard, self.size, self.encoding = folder, shard, size, encoding
        self.index: list[tuple[int, int, int, int]] = []
        self.sources: list[str] = []
        self._offset = HEADER_BYTES

    def __enter__(self) -> Self:
        self._appearing = runs.appear_whole(self.folder / pictures_file(self.shard))
        self._file = self._appearing.__enter__().open("wb")
        self._file.write(bytes(HEADER_BYTES))
        return self

    def add(self, source: str, label: int, record: bytes) -> None:
        """Append a picture: a JPEG, or the bytes of `(size, size, 3)` uint8."""
        self._file.write(record)
        self.index.append((self._offset, len(record), label, xxhash.xxh3_64_intdigest(record)))
        self.sources.append(source)
        self._offset += len(record)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                count, total = len(self.index), self._offset - HEADER_BYTES
                self._file.seek(0)
                self._file.write(_header((total,) if self.encoding == "jpeg" else (count, self.size, self.size, 3)))
            self._file.close()  # here a full disk shows
        except BaseException as failure:
            self._appearing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._appearing.__exit__(kind, error, trace)
        if error is None:
            with runs.appear_whole(self.folder / sources_file(self.shard)) as partial:
                partial.write_text(json.dumps(self.sources))
            with runs.appear_whole(self.folder / index_file(self.shard)) as partial:
                np.save(partial, np.array(self.index, INDEX))


def _header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    assert len(header) == HEADER_BYTES
    return header


def manifest(folder: Path) -> dict[str, Any]:
    """What dataset.json says.

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


def load(folder: Path) -> DataSet:
    """Open what `prepare` wrote.

    Raises:
        InputError: dataset.json is damaged; a shard is missing, truncated, or has a damaged index (when it is opened).
    """
    values = manifest(folder)
    try:
        return DataSet(
            values["name"],
            tuple(values["class_names"]),
            lambda split: open_split(folder, values, split),
            statistics=ColourStatistics.from_dict(values["statistics"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is missing or damaged; prepare the data set again.") from error


def open_split(folder: Path, values: dict[str, Any], name: str) -> Split:
    """One split of a prepared data set. Nothing is read but the indices."""
    reader = Reader(folder, values["splits"][name], values["size"], values["encoding"])
    size = values["size"]

    def read_batch(indices: tf.Tensor) -> tf.Tensor:
        if values["encoding"] == "jpeg":
            return tf.ensure_shape(tf.numpy_function(reader.encoded, [indices], tf.string), (None,))
        return tf.ensure_shape(tf.numpy_function(reader.raw, [indices], tf.uint8), (None, size, size, 3))

    def read(index: tf.Tensor) -> tf.Tensor:
        picture = read_batch(tf.reshape(index, (1,)))[0]
        return picture if values["encoding"] == "jpeg" or size == STORED_SIZE else images.resize_and_crop(picture)

    batch = read_batch if size == STORED_SIZE else None
    return Split(Sources(folder, reader), reader.index["label"], read, batch, reader.problems)


class Reader:
    """Pictures of a split, by number.

    Args:
        folder: of the prepared data set.
        entries: the split's shards, as dataset.json lists them.
        size: side of the pictures in pixels.
        encoding: `"jpeg"` or `"raw"`.

    Raises:
        InputError: a shard is missing, truncated, or has a damaged index.
    """

    def __init__(self, folder: Path, entries: Sequence[dict[str, Any]], size: int, encoding: str) -> None:
        self.folder, self.size, self.encoding = folder, size, encoding
        self.shards = [entry["name"] for entry in entries]
        self.problems: list[str] = []
        indices = [read_index(folder, entry) for entry in entries]
        self.starts = np.cumsum([0, *(len(index) for index in indices)]).tolist()
        self.index = np.concatenate(indices) if indices else np.empty(0, INDEX)
        self._files: dict[int, int] = {}

    def _file(self, number: int) -> int:
        """A descriptor of a shard's pictures, which lives as long as this reader."""
        if number not in self._files:
            file = os.open(self.folder / pictures_file(self.shards[number]), os.O_RDONLY)
            weakref.finalize(self, os.close, file)
            self._files[number] = file
        return self._files[number]

    def locate(self, place: int) -> tuple[int, int]:
        """The shard's number, and the picture's within it."""
        number = bisect.bisect_right(self.starts, place) - 1
        return number, place - self.starts[number]

    def raw(self, places: np.ndarray) -> np.ndarray:
        """`(B,)` numbers -> `(B, size, size, 3)` uint8."""
        return self._guarded(self._raw, places)

    def encoded(self, places: np.ndarray) -> np.ndarray:
        """`(B,)` numbers -> `(B,)` JPEG files, an array of bytes objects."""
        return self._guarded(self._encoded, places)

    def _guarded(self, function: Callable[[np.ndarray], np.ndarray], places: np.ndarray) -> np.ndarray:
        try:
            return function(places)
        except InputError as error:
            self.problems.append(str(error))
            raise

    def _raw(self, places: np.ndarray) -> np.ndarray:
        length = self.size * self.size * 3
        memory = np.empty(len(places) * length + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        pictures = memory[start : start + len(places) * length].reshape(len(places), length)
        for picture, place in zip(pictures, places.tolist(), strict=True):
            self._fill(picture, place)
        return pictures.reshape(len(places), self.size, self.size, 3)

    def _encoded(self, places: np.ndarray) -> np.ndarray:
        records = np.empty(len(places), object)
        for slot, place in enumerate(places.tolist()):
            record = bytearray(int(self.index[place]["length"]))
            self._fill(record, place)
            records[slot] = bytes(record)
        return records

    def _fill(self, target: Any, place: int) -> None:
        number, within = self.locate(place)
        entry = self.index[place]
        try:
            count = os.preadv(self._file(number), [target], int(entry["offset"]))
        except OSError as error:
            raise self._damaged(number, within, f"cannot be read ({error.strerror})") from error
        if count != len(target) or xxhash.xxh3_64_intdigest(target) != entry["checksum"]:
            raise self._damaged(number, within, "does not match its checksum")

    def _damaged(self, number: int, within: int, reason: str) -> InputError:
        return InputError(
            f"{self.folder / pictures_file(self.shards[number])} is damaged: picture {within} {reason}; "
            "remove the shard and prepare the data set again."
        )

    def verify(self, number: int) -> Iterator[None]:
        """Compare every picture of a shard with its checksum; yields after each.

        Raises:
            InputError: one is not what was written.
        """
        for place in range(self.starts[number], self.starts[number + 1]):
            self._fill(bytearray(int(self.index[place]["length"])), place)
            yield


def read_index(folder: Path, entry: dict[str, Any]) -> np.ndarray:
    """The index of a shard, once it and the size of the pictures' file are what dataset.json says.

    Returns:
        `(N,)` of the dtype `INDEX`.

    Raises:
        InputError: they are not.
    """
    path, pictures = folder / index_file(entry["name"]), folder / pictures_file(entry["name"])
    try:
        content = path.read_bytes()
        size = pictures.stat().st_size
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); prepare the data set again.") from error
    if xxhash.xxh3_64_hexdigest(content) != entry["index_checksum"]:
        raise InputError(f"{path} is damaged (checksum); remove it and prepare the data set again.")
    if size != entry["bytes"]:
        raise InputError(
            f"{pictures} is damaged: {size:,} bytes instead of {entry['bytes']:,}; "
            "remove it and prepare the data set again."
        )
    index: np.ndarray = np.load(io.BytesIO(content))
    return index


def describe(folder: Path, shard: str) -> dict[str, Any]:
    """A finished shard's entry for dataset.json."""
    content = (folder / index_file(shard)).read_bytes()
    return {
        "name": shard,
        "images": len(np.load(io.BytesIO(content))),
        "bytes": (folder / pictures_file(shard)).stat().st_size,
        "index_checksum": xxhash.xxh3_64_hexdigest(content),
    }


class Sources(Sequence[str]):
    """Where the pictures of a split came from; read a shard at a time and when asked, for a million names are many."""

    def __init__(self, folder: Path, reader: Reader) -> None:
        self.folder, self.reader = folder, reader
        self._of_shard = functools.lru_cache(maxsize=4)(self._load)

    def _load(self, number: int) -> list[str]:
        path = self.folder / sources_file(self.reader.shards[number])
        try:
            names: list[str] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is missing or damaged; prepare the data set again.") from error
        return names

    def __len__(self) -> int:
        return len(self.reader.index)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        number, within = self.reader.locate(range(len(self))[place])
        return self._of_shard(number)[within]
