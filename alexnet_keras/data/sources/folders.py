"""Read images from class folders. File names are stored as bytes in arrays, since a million strings are large."""

import bisect
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import check_regular

SUFFIXES = (".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class Files:
    """File names of the images in one folder, `(N,)` bytes, sorted, with their labels, `(N,)` int64."""

    folder: Path
    names: np.ndarray
    labels: np.ndarray


class Paths(Sequence[str]):
    """The paths of all images, each joined on access."""

    def __init__(self, parts: Sequence[Files]) -> None:
        self.parts = parts
        self.starts = np.cumsum([0, *(len(part.names) for part in parts)]).tolist()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        number = bisect.bisect_right(self.starts, place) - 1
        part = self.parts[number]
        return os.path.join(part.folder, os.fsdecode(part.names[place - self.starts[number]]))


def load(root: Path) -> DataSet:
    """Open a folder `<root>/{train,val}/<class>/*.{JPEG,jpg,png}`.

    Raises:
        InputError: a class is missing or, when its split is opened, has no image.
    """
    for split in ("train", "val"):
        if not (root / split).is_dir():
            raise InputError(f"{root} has no folder {split!r}; it must hold train/<class>/ and val/<class>/ images.")
    class_names = subfolders(root / "train")
    if len(class_names) < 2:
        raise InputError(
            f"{root / 'train'} has {len(class_names)} class folder(s); a classifier needs at least two, one a class."
        )
    foreign = sorted(set(subfolders(root / "val")) - set(class_names))
    if foreign:
        raise InputError(f"{root / 'val' / foreign[0]} is a class that {root / 'train'} lacks; both need the same.")
    folders = {"train": root / "train", "validation": root / "val"}
    return DataSet(root.resolve().name, class_names, lambda split: files(_complete(folders[split], class_names)))


def subfolders(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _complete(folder: Path, class_names: Sequence[str]) -> Iterable[Files]:
    for label, class_name in enumerate(class_names):
        if not (folder / class_name).is_dir():
            raise InputError(f"{folder / class_name} is missing; every class needs images for training and validation.")
        names = images(folder / class_name)
        if not len(names):
            raise InputError(f"{folder / class_name} holds no image ({', '.join(SUFFIXES)}); add some or remove it.")
        yield Files(folder / class_name, names, np.full(len(names), label, np.int64))


def images(folder: Path) -> np.ndarray:
    """List the names of the images in a folder, `(N,)` bytes, sorted. File names need not be UTF-8.

    A link that leads nowhere is listed, since it is one unreadable image of many.

    Raises:
        InputError: an image is a named pipe, a device or a folder, which must not be opened.
    """
    suffixes = tuple(os.fsencode(suffix) for suffix in SUFFIXES)
    with os.scandir(os.fsencode(folder)) as entries:
        found = [
            entry for entry in entries if entry.name.lower().endswith(suffixes) and not entry.name.startswith(b".")
        ]
    for entry in found:
        if not entry.is_file(follow_symlinks=False) and os.path.exists(entry.path):  # the listing tells: no `stat`
            check_regular(Path(os.fsdecode(entry.path)))
    return np.array(sorted(entry.name for entry in found), "S")


def files(parts: Iterable[Files]) -> Split:
    """Join the images of several folders into one split."""
    kept = [part for part in parts if len(part.names)]
    folders = tf.constant([os.fsencode(part.folder) + b"/" for part in kept])
    starts = np.cumsum([len(part.names) for part in kept])
    names = tf.concat([tf.constant(part.names) for part in kept], axis=0)

    def read(index: tf.Tensor) -> tf.Tensor:
        folder = tf.searchsorted(starts, [tf.cast(index, tf.int64)], side="right")[0]
        return tf.io.read_file(tf.strings.join([folders[folder], names[index]]))

    return Split(Paths(kept), np.concatenate([part.labels for part in kept]), read)
