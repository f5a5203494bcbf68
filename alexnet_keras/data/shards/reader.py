"""Read images from shards in any order, and compare each with its checksum."""

import bisect
import functools
import os
import struct
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import xxhash

from alexnet_keras.config.serialization import build
from alexnet_keras.data import image_ops
from alexnet_keras.data.dataset import DataSet, ImageForm, Split
from alexnet_keras.data.shards.format import (
    IMAGES_FILE,
    INDEX,
    MAX_LIST_BYTES,
    SOURCES_FILE,
    Manifest,
    manifest,
    read_index,
)
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import parse_json, read_bytes

ALIGNMENT = 64  # bytes; TensorFlow copies arrays that start elsewhere


def load(folder: Path, size: int) -> DataSet:
    """Open a folder that `prepare` wrote; images of another `size` are resized when they are read."""
    values = manifest(folder)
    return DataSet(
        values.name,
        values.class_names,
        lambda split: open_split(folder, values, split, size),
        statistics=values.statistics,
        upright=values.upright,
    )


def open_split(folder: Path, values: Manifest, name: str, stored_size: int) -> Split:
    """Open one split of a prepared data set by reading its indices."""
    reader, size, jpeg = Reader(folder, values, name), values.size, values.encoding == "jpeg"

    def read_batch(indices: tf.Tensor) -> tf.Tensor:
        if jpeg:
            return tf.ensure_shape(tf.numpy_function(reader.encoded, [indices], tf.string), (None,))
        return tf.ensure_shape(tf.numpy_function(reader.raw, [indices], tf.uint8), (None, size, size, 3))

    def read(index: tf.Tensor) -> tf.Tensor:
        image = read_batch(tf.reshape(index, (1,)))[0]
        return image if jpeg or size == stored_size else image_ops.resize_and_crop(image, stored_size)

    form = ImageForm.DECODED
    if jpeg:
        form = ImageForm.STORED_JPEG if size == stored_size else ImageForm.ENCODED
    batch = read_batch if size == stored_size else None
    return Split(Sources(folder, reader), reader.index["label"], read, batch, form, problems=reader.problems)


class Reader:
    """Reads the images of a split by their index."""

    def __init__(self, folder: Path, values: Manifest, split: str) -> None:
        self.folder, self.size, self.shards = folder, values.size, values.shards(split)
        self.problems: list[str] = []
        indices = [read_index(folder, shard, values.encoding, values.size) for shard in self.shards]
        self.starts = np.cumsum([0, *(len(index) for index in indices)]).tolist()
        self.index = np.concatenate(indices) if indices else np.empty(0, INDEX)
        self._files: dict[int, int] = {}

    def _file(self, number: int) -> int:
        """Open the images of a shard; the descriptor lives as long as this reader."""
        if number not in self._files:
            file = os.open(self.folder / IMAGES_FILE.format(self.shards[number].name), os.O_RDONLY)
            weakref.finalize(self, os.close, file)
            self._files[number] = file
        return self._files[number]

    def locate(self, index: int) -> tuple[int, int]:
        """Return the number of the shard and the index of the image within it."""
        number = bisect.bisect_right(self.starts, index) - 1
        return number, index - self.starts[number]

    def raw(self, indices: np.ndarray) -> np.ndarray:
        """Read the images at `(B,)` indices: `(B, size, size, 3)` uint8."""
        length = self.size * self.size * 3
        memory = np.empty(len(indices) * length + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        images = memory[start : start + len(indices) * length].reshape(len(indices), length)
        for image, index in zip(images, indices.tolist(), strict=True):
            self._fill(image, index)
        return images.reshape(len(indices), self.size, self.size, 3)

    def encoded(self, indices: np.ndarray) -> np.ndarray:
        """Read the JPEG files at `(B,)` indices: `(B,)` bytes objects."""
        records = np.empty(len(indices), object)
        for slot, index in enumerate(indices.tolist()):
            record = bytearray(int(self.index[index]["length"]))
            self._fill(record, index)
            if _jpeg_size(record) != (self.size, self.size):
                raise self._damaged(*self.locate(index), f"is no JPEG of {self.size} x {self.size} pixels")
            records[slot] = bytes(record)
        return records

    def _fill(self, target: Any, index: int) -> None:
        number, within = self.locate(index)
        entry = self.index[index]
        try:
            count = os.preadv(self._file(number), [target], int(entry["offset"]))
        except OSError as error:
            raise self._damaged(number, within, f"cannot be read ({error.strerror})") from error
        if count != len(target) or xxhash.xxh3_64_intdigest(target) != entry["checksum"]:
            raise self._damaged(number, within, "does not match its checksum")

    def _damaged(self, number: int, within: int, reason: str) -> InputError:
        problem = (
            f"{self.folder / IMAGES_FILE.format(self.shards[number].name)} is damaged: image {within} {reason}; "
            "remove the shard and prepare the data set again."
        )
        self.problems.append(problem)
        return InputError(problem)

    def verify(self, number: int) -> Iterator[None]:
        """Compare every image of a shard with its checksum, and yield after each."""
        for index in range(self.starts[number], self.starts[number + 1]):
            self._fill(bytearray(int(self.index[index]["length"])), index)
            yield


def _jpeg_size(record: bytearray) -> tuple[int, int] | None:
    """Read the height and width of a JPEG in a fifth of the time of `jpeg_header`; `None` if there is no header."""
    start = 2
    while record[start : start + 1] == b"\xff" and start + 9 < len(record):
        if 0xC0 <= record[start + 1] <= 0xCF and record[start + 1] not in (0xC4, 0xC8, 0xCC):  # the header of the frame
            height, width = struct.unpack_from(">HH", record, start + 5)
            return height, width
        start += 2 + int.from_bytes(record[start + 2 : start + 4], "big")
    return None


class Sources(Sequence[str]):
    """The names of the source files of a split, read for one shard at a time, since a million names are large."""

    def __init__(self, folder: Path, reader: Reader) -> None:
        self.folder, self.reader = folder, reader
        self._of_shard = functools.lru_cache(maxsize=4)(self._load)

    def _load(self, number: int) -> tuple[str, ...]:
        shard = self.reader.shards[number]
        path = self.folder / SOURCES_FILE.format(shard.name)
        try:
            content = read_bytes(path, MAX_LIST_BYTES)
            if xxhash.xxh3_64_hexdigest(content) == shard.sources_checksum:
                names: tuple[str, ...] = build(tuple[str, ...], parse_json(content, str(path)), "sources")
                if len(names) == shard.images:
                    return names
        except (InputError, OptionError):
            pass
        raise InputError(f"{path} is damaged or missing; remove it and prepare the data set again.")

    def __len__(self) -> int:
        return len(self.reader.index)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        number, within = self.reader.locate(range(len(self))[index])
        return self._of_shard(number)[within]
