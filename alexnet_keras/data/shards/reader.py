"""Read images from shards in any order, and compare each with its checksum."""

import bisect
import contextlib
import functools
import json
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import xxhash

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data import image_ops
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.dataset import DataSet, Split, Stage
from alexnet_keras.data.shards.format import INDEX, MANIFEST, images_file, manifest, read_index, sources_file
from alexnet_keras.system.errors import InputError

ALIGNMENT = 64  # bytes; TensorFlow copies arrays that start elsewhere


def load(folder: Path) -> DataSet:
    """Open a folder that `prepare` wrote.

    Raises:
        InputError: dataset.json is damaged; a shard is missing, truncated, or has a damaged index (when it is opened).
    """
    values = manifest(folder)
    try:
        return DataSet(
            values["name"],
            tuple(values["class_names"]),
            lambda split: open_split(folder, values, split),
            statistics=ColorStatistics.from_dict(values["statistics"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is missing or damaged; prepare the data set again.") from error


def open_split(folder: Path, values: dict[str, Any], name: str) -> Split:
    """Open one split of a prepared data set by reading its indices."""
    reader = Reader(folder, values["splits"][name], values["size"], values["encoding"])
    size = values["size"]

    def read_batch(indices: tf.Tensor) -> tf.Tensor:
        if values["encoding"] == "jpeg":
            return tf.ensure_shape(tf.numpy_function(reader.encoded, [indices], tf.string), (None,))
        return tf.ensure_shape(tf.numpy_function(reader.raw, [indices], tf.uint8), (None, size, size, 3))

    def read(index: tf.Tensor) -> tf.Tensor:
        image = read_batch(tf.reshape(index, (1,)))[0]
        return image if values["encoding"] == "jpeg" or size == STORED_SIZE else image_ops.resize_and_crop(image)

    stage = Stage.DECODED
    if values["encoding"] == "jpeg":
        stage = Stage.STORED_JPEG if size == STORED_SIZE else Stage.ENCODED
    batch = read_batch if size == STORED_SIZE else None
    return Split(Sources(folder, reader), reader.index["label"], read, batch, stage, reader.problems)


class Reader:
    """Reads the images of a split by their index.

    Args:
        folder: of the prepared data set.
        entries: the split's shards, as dataset.json lists them.
        size: side of the images in pixels.
        encoding: `"jpeg"` or `"raw"`.

    Raises:
        InputError: a shard is missing, truncated, or has a damaged index.
    """

    def __init__(self, folder: Path, entries: Sequence[dict[str, Any]], size: int, encoding: str) -> None:
        self.folder, self.size, self.encoding = folder, size, encoding
        self.shards = [entry["name"] for entry in entries]
        self.sources_checksums = [entry["sources_checksum"] for entry in entries]
        self.problems: list[str] = []
        indices = [read_index(folder, entry) for entry in entries]
        self.starts = np.cumsum([0, *(len(index) for index in indices)]).tolist()
        self.index = np.concatenate(indices) if indices else np.empty(0, INDEX)
        self._files: dict[int, int] = {}

    def _file(self, number: int) -> int:
        """Open the images of a shard; the descriptor lives as long as this reader."""
        if number not in self._files:
            file = os.open(self.folder / images_file(self.shards[number]), os.O_RDONLY)
            weakref.finalize(self, os.close, file)
            self._files[number] = file
        return self._files[number]

    def locate(self, place: int) -> tuple[int, int]:
        """Return the number of the shard and the index of the image within it."""
        number = bisect.bisect_right(self.starts, place) - 1
        return number, place - self.starts[number]

    def raw(self, places: np.ndarray) -> np.ndarray:
        """Read the images at `(B,)` indices: `(B, size, size, 3)` uint8."""
        return self._guarded(self._raw, places)

    def encoded(self, places: np.ndarray) -> np.ndarray:
        """Read the JPEG files at `(B,)` indices: `(B,)` bytes objects."""
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
        images = memory[start : start + len(places) * length].reshape(len(places), length)
        for image, place in zip(images, places.tolist(), strict=True):
            self._fill(image, place)
        return images.reshape(len(places), self.size, self.size, 3)

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
            f"{self.folder / images_file(self.shards[number])} is damaged: image {within} {reason}; "
            "remove the shard and prepare the data set again."
        )

    def verify(self, number: int) -> Iterator[None]:
        """Compare every image of a shard with its checksum, and yield after each.

        Raises:
            InputError: one is not what was written.
        """
        for place in range(self.starts[number], self.starts[number + 1]):
            self._fill(bytearray(int(self.index[place]["length"])), place)
            yield


class Sources(Sequence[str]):
    """The names of the source files of a split, read for one shard at a time, since a million names are large."""

    def __init__(self, folder: Path, reader: Reader) -> None:
        self.folder, self.reader = folder, reader
        self._of_shard = functools.lru_cache(maxsize=4)(self._load)

    def _load(self, number: int) -> list[str]:
        path = self.folder / sources_file(self.reader.shards[number])
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if xxhash.xxh3_64_hexdigest(content) == self.reader.sources_checksums[number]:
                names: list[str] = json.loads(content)
                return names
        raise InputError(f"{path} is damaged or missing; remove it and prepare the data set again.")

    def __len__(self) -> int:
        return len(self.reader.index)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        number, within = self.reader.locate(range(len(self))[place])
        return self._of_shard(number)[within]
