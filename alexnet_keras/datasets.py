"""A name or a path -> pictures that can be read in any order, their labels and the names of the classes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tensorflow as tf

from alexnet_keras import shapes, shards
from alexnet_keras.config import InputError, OptionError
from alexnet_keras.progress import Progress
from alexnet_keras.splits import DataSet, Split

__all__ = ["DataSet", "Split", "absolute", "load"]

SUFFIXES = (".jpeg", ".jpg", ".png")


def load(source: str) -> DataSet:
    """Open a data set.

    Args:
        source: `"shapes"`, a folder `<root>/{train,val}/<class>/*.{JPEG,jpg,png}`, or the name of a TFDS data set.

    Raises:
        OptionError: `source` is none of these.
        InputError: the folder or the data set cannot be trained on.
    """
    if source == "shapes":
        return DataSet("shapes", shapes.CLASS_NAMES, _draw)
    root = Path(source).expanduser()
    if root.is_dir():
        return shards.load(root) if shards.is_prepared(root) else _folder(root)
    if root.exists():
        raise InputError(f"--data {source} is a file; give the folder that holds train/ and val/.")
    return _tfds(source)


def absolute(source: str) -> str:
    """A source that means the same from every working directory."""
    root = Path(source).expanduser()
    return str(root.resolve()) if source != "shapes" and root.is_dir() else source


def _draw(split: str) -> Split:
    count = shapes.NUM_IMAGES[split]
    pictures = np.empty((count, 256, 256, 3), np.uint8)
    labels = np.empty(count, np.int64)
    with Progress(f"Drawing shapes for {split}", count) as progress:
        for index in range(count):
            pictures[index], labels[index] = shapes.draw(split, index)
            progress.advance(1)
    names = [f"shapes {split} {index}" for index in range(count)]
    held = tf.constant(pictures)
    return Split(names, labels, held.__getitem__, lambda indices: tf.gather(held, indices))


def _folder(root: Path) -> DataSet:
    if (root / shards.PLAN).is_file():
        raise InputError(f"{root} holds shards that are not finished; call the same 'data prepare' again.")
    for split in ("train", "val"):
        if not (root / split).is_dir():
            raise InputError(f"{root} has no folder {split!r}; it must hold train/<class>/ and val/<class>/ pictures.")
    class_names = _subfolders(root / "train")
    if len(class_names) < 2:
        raise InputError(
            f"{root / 'train'} has {len(class_names)} class folder(s); a classifier needs at least two, one a class."
        )
    foreign = sorted(set(_subfolders(root / "val")) - set(class_names))
    if foreign:
        raise InputError(f"{root / 'val' / foreign[0]} is a class that {root / 'train'} lacks; both need the same.")
    folders = {"train": root / "train", "validation": root / "val"}
    return DataSet(root.resolve().name, class_names, lambda split: _files(folders[split], class_names))


def _subfolders(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _files(folder: Path, class_names: Sequence[str]) -> Split:
    names: list[str] = []
    labels: list[int] = []
    for label, class_name in enumerate(class_names):
        if not (folder / class_name).is_dir():
            raise InputError(
                f"{folder / class_name} is missing; every class needs pictures for training and validation."
            )
        found = sorted(
            str(path)
            for path in (folder / class_name).iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if not found:
            raise InputError(f"{folder / class_name} holds no picture ({', '.join(SUFFIXES)}); add some or remove it.")
        names += found
        labels += [label] * len(found)
    paths = tf.constant([os.fsencode(name) for name in names])  # file names are bytes, and need not be UTF-8
    return Split(names, np.array(labels, np.int64), lambda index: tf.io.read_file(paths[index]))


def _tfds(name: str) -> DataSet:
    import tensorflow_datasets as tfds  # takes a second, and only this source needs it

    if not hasattr(tfds, "builder"):  # it hides its own failure to import
        raise InputError(
            f"--data {name} is no folder, and TensorFlow Datasets cannot be imported beside this TensorFlow; "
            "2.18 and 2.19 need: pip install 'tensorflow-metadata<1.18'."
        )
    try:
        builder = tfds.builder(name)
    except (tfds.core.DatasetNotFoundError, AssertionError, ValueError) as error:  # of name, version, configuration
        if isinstance(error, tfds.core.DatasetNotFoundError) or not _is_tfds_name(name):
            raise OptionError(
                f"--data {name}: no such folder, and no such data set in TensorFlow Datasets; "
                "give 'shapes', a folder with train/ and val/, or a name that tfds.list_builders() has."
            ) from error
        raise OptionError(f"--data {name}: TensorFlow Datasets says: {_first_line(error)}") from error
    features = builder.info.features
    if features is None or not {"image", "label"} <= set(features) or not hasattr(features["label"], "names"):
        raise InputError(f"--data {name} has no features 'image' and 'label'; choose a classification data set.")
    try:
        builder.download_and_prepare()
    except Exception as error:  # whatever the network, the disk or the builder's own code raises
        raise InputError(f"--data {name} could not be downloaded and prepared: {_first_line(error)}") from error
    splits = _tfds_splits(builder)
    needed, free = builder.info.dataset_size, psutil.virtual_memory().available
    if needed > free / 2:
        raise InputError(
            f"--data {name} takes {needed / 1e9:.0f} GB, and encoded pictures are held in memory, "
            f"of which {free / 1e9:.0f} GB are free; export it to a folder with train/ and val/."
        )
    class_names = tuple(features["label"].names)
    return DataSet(name, class_names, lambda split: _encoded(builder, splits[split]))


def _is_tfds_name(name: str) -> bool:
    import tensorflow_datasets as tfds

    return name.split("/")[0].split(":")[0] in tfds.list_builders(with_community_datasets=False)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _tfds_splits(builder: Any) -> dict[str, str]:
    """Which of a builder's splits serve for training and for validation."""
    splits = builder.info.splits
    if "train" not in splits:
        raise InputError(f"--data {builder.name} has no split 'train', only {', '.join(splits)}.")
    for validation in ("validation", "test"):
        if validation in splits and splits[validation].num_examples:
            return {"train": "train", "validation": validation}
    return {
        "train": "train[:90%]",
        "validation": "train[90%:]",
    }  # the last tenth stands in for the missing validation split


def _encoded(builder: Any, split: str) -> Split:
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(split=split, decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False)
    pictures, labels = [], []
    with Progress(f"Reading {builder.name} {split}", builder.info.splits[split].num_examples) as progress:
        for example in dataset.as_numpy_iterator():
            pictures.append(example["image"])
            labels.append(example["label"])
            progress.advance(1)
    if not labels:
        raise InputError(f"--data {builder.name} has no picture in its split {split!r}.")
    names = [f"{builder.name} {split} {index}" for index in range(len(labels))]
    return Split(names, np.array(labels, np.int64), tf.constant(pictures).__getitem__)
