"""ImageNet (ILSVRC2012) in whichever form it is at hand.

In every form, a label is the index of the synset in the sorted list of the 1,000 synsets.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from alexnet_keras.config.training import IMAGENET, DataSource
from alexnet_keras.data import shards
from alexnet_keras.data.class_labels import synsets, text_of_tfds
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.data.sources import tables, tfds_builders
from alexnet_keras.data.sources.file_split import split_of
from alexnet_keras.data.sources.files import Files, images, of_class, subfolders
from alexnet_keras.data.sources.tfds_library import data_folder, tfds
from alexnet_keras.system.disk import size_of
from alexnet_keras.system.errors import AbsentError, InputError, OptionError
from alexnet_keras.system.terminal_text import brief

BUILDER = "imagenet2012"
TRAIN_TAR, VAL_TAR = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
SIZES = {TRAIN_TAR: 147_897_477_120, VAL_TAR: 6_744_924_160}  # bytes
SITE = "https://image-net.org/download-images"
TREES = (".", "imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC", "imagenet/ILSVRC/Data/CLS-LOC")  # the last as on Kaggle
VAL_IMAGE = re.compile(r"ILSVRC2012_val_\d{8}\.JPEG")
SOLUTION = "LOC_val_solution.csv"  # Kaggle's table of the labels of the validation images


def load(source: DataSource, build: bool = True) -> DataSet:
    """Open the first form of ImageNet that exists: shards, a built TFDS data set, the two tars, a tree of folders.

    Args:
        build: whether TFDS may build its data set from the tars, which takes hours.

    Raises:
        AbsentError: ImageNet was not found, or only its tars were and `build` is false.
    """
    library = tfds(source)
    data_dir = data_folder(source)
    manual_dir = Path(os.path.expanduser(source.manual_dir or data_dir / "downloads" / "manual"))
    candidates = (data_dir, *sorted(data_dir.glob(f"{IMAGENET}*")))
    prepared = (folder for folder in candidates if shards.is_prepared(folder))
    stored = next((folder for folder in prepared if shards.manifest(folder).name == IMAGENET), None)
    if stored and source.split is None:
        return shards.load(stored, source.stored_size)
    builder = library.builder(BUILDER, data_dir=str(data_dir))
    tars = {name: manual_dir / name for name in SIZES}
    if builder.is_prepared() or all(path.is_file() for path in tars.values()):
        if not builder.is_prepared():
            if not build:
                raise AbsentError(
                    f"{BUILDER} is not built from the tars in {manual_dir} yet. This takes hours, and a dry run builds "
                    "nothing; train without a dry run."
                )
            for tar in tars.values():
                check_size(tar)
            tfds_builders.build(builder, DataSource(name=IMAGENET, data_dir=str(data_dir), manual_dir=str(manual_dir)))
        return tfds_builders.from_builder(builder, source, IMAGENET)
    tree = next((data_dir / name for name in TREES if is_tree(data_dir / name)), None)
    if source.split is not None and (stored or tree):
        raise OptionError(
            f"`split` {source.split}: {stored or tree} has its own; only data sets that TFDS has built are split so."
        )
    if tree:
        return from_tree(tree)
    looked_for = "; ".join(
        [
            f"shards in {data_dir} or {data_dir / IMAGENET}*",
            f"a TensorFlow Datasets build in {data_dir / BUILDER}",
            f"{TRAIN_TAR} and {VAL_TAR} in {manual_dir}",
            f"train/<synset>/*.JPEG with val in {data_dir}, or there in {', '.join(TREES[1:])}",
        ]
    )
    downloads = " and ".join(f"{name} ({size_of(size, 1)}, {size:,} bytes)" for name, size in SIZES.items())
    raise AbsentError(
        f"The data set {IMAGENET} was not found. Looked for: {looked_for}. Register at {SITE}, download {downloads}, "
        f"put both into {manual_dir}, and call this again; or name other folders by `data_dir` and `manual_dir`."
    )


def is_tree(root: Path) -> bool:
    """Whether a folder has `train/<synset>` and `val`, of however many of the classes."""
    if not (root / "train").is_dir() or not (root / "val").is_dir():
        return False
    classes = subfolders(root / "train")
    return bool(classes) and all(re.fullmatch(r"n\d{8}", name) for name in classes)


def find_tree(root: Path) -> Path | None:
    """Find the tree of ImageNet itself in a folder, or in one as Kaggle's archive makes it."""
    return next((root / name for name in TREES if is_whole(root / name)), None)


def is_whole(root: Path) -> bool:
    """Whether a tree is ImageNet itself and no subset of it: it has all classes, or `val` as ImageNet ships it."""
    return is_tree(root) and (len(subfolders(root / "train")) == 1000 or _is_flat(root / "val"))


def _is_flat(val: Path) -> bool:
    with os.scandir(val) as entries:
        return any(VAL_IMAGE.fullmatch(entry.name) for entry in entries)


def from_tree(root: Path) -> DataSet:
    """`train/<synset>/*.JPEG`, and `val/<synset>/*.JPEG` or the flat `val/ILSVRC2012_val_*.JPEG`.

    The labels of a flat `val` are those of Kaggle's table if it is there, or otherwise those that TFDS ships.
    """
    names = synsets()

    ignored: Counter[str] = Counter()

    def open_split(split: str) -> Split:
        folder = root / ("train" if split == "train" else "val")
        if split == "validation" and _is_flat(folder):
            return split_of([_flat(root, names, ignored)])
        return split_of(_by_synset(folder, names, ignored))

    return DataSet(IMAGENET, names, open_split, ignored=ignored)


def _by_synset(folder: Path, names: tuple[str, ...], ignored: Counter[str]) -> Iterable[Files]:
    labels = {name: label for label, name in enumerate(names)}
    for synset in subfolders(folder):
        if synset not in labels:
            raise InputError(f"{folder / synset} is none of the 1,000 classes of ILSVRC2012; move it away.")
        yield from of_class(folder / synset, labels[synset], ignored)


def _flat(root: Path, names: tuple[str, ...], ignored: Counter[str]) -> Files:
    found, _ = images(root / "val", ignored)
    indices = {name: label for label, name in enumerate(names)}
    folders = (root, *root.resolve().parents[:3])  # Kaggle's table is beside ILSVRC/Data/CLS-LOC
    table = next((folder / SOLUTION for folder in folders if (folder / SOLUTION).is_file()), None)
    truth: dict[str, int] = {}
    if table is None:
        shipped = text_of_tfds("imagenet2012/validation_labels.txt").split()
        truth = {f"ILSVRC2012_val_{number:08}": indices[synset] for number, synset in enumerate(shipped, 1)}
    for row in () if table is None else tables.files_and_labels(table, ",", root / "val"):
        synset = row.label.split()[0]  # then come the corners of boxes
        if synset in indices:
            truth[row.name] = indices[synset]
        elif row.line > 1:
            raise InputError(
                f"{table} has {brief(synset)} in line {row.line:,}, which is none of the 1,000 classes of ILSVRC2012; "
                "correct it, or move the table away."
            )
    labels = np.empty(len(found), np.int64)
    for index, name in enumerate(map(os.fsdecode, found.tolist())):
        label = truth.get(os.path.splitext(name)[0])
        if label is None:
            where = f"in {table}" if table else f"among the {len(truth):,} of ILSVRC2012"
            raise InputError(f"{root / 'val' / name} has no label {where}; move it away.")
        labels[index] = label
    return Files(root / "val", found, labels)


def check_size(tar: Path) -> None:
    """Refuse an archive of another size than ImageNet's, before TFDS spends hours on it."""
    size, expected = tar.stat().st_size, SIZES[tar.name]
    if size != expected:
        raise InputError(f"{tar} has {size:,} bytes and not the {expected:,} of ImageNet's archive; download it again.")
