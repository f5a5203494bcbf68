"""Open a data set by its name or path."""

from pathlib import Path

import numpy as np

from alexnet_keras.config.training import DataSource
from alexnet_keras.data import shards
from alexnet_keras.data.dataset import DataSet, Split, split_in_memory
from alexnet_keras.data.sources import folders, imagenet, shapes, tfds_builders
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress


def open_dataset(source: str | DataSource, *, build: bool = True) -> DataSet:
    """Open a data set.

    Args:
        source: `"shapes"`; `"imagenet"` in any of its forms; a folder that `data prepare` wrote; a folder with
            `{train,val}/<class>/*.{JPEG,jpg,png}`; a folder of ImageNet; or the name of a TFDS data set.
        build: whether TFDS may download and build a data set that is not built yet.

    Raises:
        OptionError: `source` is none of these.
        AbsentError: the data set is not on this machine, and `build` is false or its archives are missing.
        InputError: the data set cannot be used for training.
    """
    if isinstance(source, str):
        source = DataSource(name=source)
    root = Path(source.name).expanduser()
    if source.split is not None and (source.name == "shapes" or root.exists()):
        raise OptionError(f"`split` {source.split}: {source.name} has its own; only data sets of TFDS are split so.")
    if source.name == "shapes":
        return DataSet("shapes", shapes.CLASS_NAMES, _draw)
    if root.is_dir():
        return _folder(root)
    if root.exists():
        raise InputError(f"The data set {source.name} is a file; give the folder that holds train/ and val/.")
    return imagenet.load(source, build) if source.name == imagenet.NAME else tfds_builders.load(source, build)


def _folder(root: Path) -> DataSet:
    if shards.is_prepared(root):
        return shards.load(root)
    if (root / shards.PLAN).is_file():
        raise InputError(f"{root} holds shards that are not finished; call the same 'data prepare' again.")
    return imagenet.from_tree(root) if imagenet.is_whole(root) else folders.load(root)


def absolute_source(source: str) -> str:
    """Replace a relative path by an absolute one; return other sources unchanged."""
    root = Path(source).expanduser()
    return str(root.resolve()) if source != "shapes" and root.is_dir() else source


def _draw(split: str) -> Split:
    count = shapes.NUM_IMAGES[split]
    images = np.empty((count, 256, 256, 3), np.uint8)
    labels = np.empty(count, np.int64)
    with Progress(f"Drawing shapes for {split}", count) as progress:
        for index in range(count):
            images[index], labels[index] = shapes.draw(split, index)
            progress.advance(1)
    names = [f"shapes {split} {index}" for index in range(count)]
    return split_in_memory(names, labels, images)
