"""Open a data set by its name or path."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from alexnet_keras.config.training import IMAGENET, SHAPES, DataSource, Source
from alexnet_keras.data import image_ops, shards
from alexnet_keras.data.dataset import DataSet, Split, split_in_memory
from alexnet_keras.data.sources import division, folders, imagenet, shapes, tables, tfds_builders
from alexnet_keras.system.errors import InputError, OptionError, check
from alexnet_keras.system.progress import Progress
from alexnet_keras.system.terminal_text import brief


def open_dataset(source: Source, *, build: bool = True) -> DataSet:
    """Open a data set.

    Args:
        source: `"shapes"`; `"imagenet"` in any of its forms; a folder that `data prepare` wrote; a folder with class
            folders, or with `train/` and `val/`, which have them; a folder of ImageNet or Tiny ImageNet; a table of
            images; or the name of a TFDS data set. docs/reference/data_sets.md has the list.
        build: whether TFDS may download and build a data set that is not built yet.

    Raises:
        AbsentError: the data set is not on this machine, and `build` is false or its archives are missing.
    """
    if isinstance(source, str | Path):
        source = DataSource(name=str(source))
    dataset = _open(source, build)
    upright = source.upright if dataset.upright is None else dataset.upright
    return dataclasses.replace(dataset, upright=upright, stored_size=source.stored_size, run_images=source.run_images)


def _open(source: DataSource, build: bool) -> DataSet:
    root = Path(os.path.expanduser(source.name))  # unlike `Path.expanduser`, also where there is no home folder
    if source.split is not None and (source.name == SHAPES or root.exists()):
        raise OptionError(f"`split` {source.split}: {source.name} has its own; only data sets of TFDS are split so.")
    is_table = source.name != SHAPES and root.suffix.lower() in tables.SUFFIXES and not root.is_dir()
    check(
        source.columns is None or is_table,
        f"`columns` {brief(source.columns)}: {source.name} is no table ({', '.join(tables.SUFFIXES)}); omit `columns`.",
    )
    if is_table:
        return tables.load(root, source)
    if source.name != SHAPES:
        if root.is_dir():
            return _folder(root, source)
        if root.exists():
            raise InputError(
                f"The data set {source.name} is a file; give a folder of images, or a table of them "
                f"({', '.join(tables.SUFFIXES)}); unpack an archive first."
            )
    if source.name in (SHAPES, IMAGENET):
        division.check_not_asked(source, source.name)
    if source.name == SHAPES:
        return DataSet(SHAPES, shapes.CLASS_NAMES, lambda split: _draw(split, source.stored_size))
    return imagenet.load(source, build) if source.name == IMAGENET else tfds_builders.load(source, build)


def _folder(root: Path, source: DataSource) -> DataSet:
    tree = imagenet.find_tree(root)
    if not (tree or shards.is_prepared(root) or (root / shards.PLAN).is_file() or tables.is_tiny_imagenet(root)):
        return folders.load(root, source)
    division.check_not_asked(source, str(root))
    if tree:
        return imagenet.from_tree(tree)
    if tables.is_tiny_imagenet(root):
        return tables.tiny_imagenet(root)
    if shards.is_prepared(root):
        return shards.load(root, source.stored_size)
    raise InputError(f"{root} holds shards that are not finished; call the same 'data prepare' again.")


def absolute_source(source: str) -> str:
    """Replace a relative path by an absolute one; return other sources unchanged."""
    root = Path(os.path.expanduser(source))
    return str(root.resolve()) if source != SHAPES and root.exists() else source


def _draw(split: str, size: int) -> Split:
    count = shapes.NUM_IMAGES[split]
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    with Progress(f"Drawing shapes for {split}", count) as progress:
        for index in range(count):
            image, labels[index] = shapes.draw(split, index)
            images[index] = image if size == len(image) else image_ops.resize_and_crop(image, size)
            progress.advance(1)
    names = [f"shapes {split} {index}" for index in range(count)]
    return split_in_memory(names, labels, images)
