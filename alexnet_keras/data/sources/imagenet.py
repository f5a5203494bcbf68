"""ImageNet (ILSVRC2012) in whichever form it is at hand.

In every form, a label is the index of the synset in the sorted list of the 1,000 synsets.
"""

import os
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.config.training import DataSource
from alexnet_keras.data import shards
from alexnet_keras.data.dataset import DataSet
from alexnet_keras.data.sources import folders, tfds_builders
from alexnet_keras.system.errors import AbsentError, InputError, OptionError
from alexnet_keras.system.progress import Progress

NAME = "imagenet"
BUILDER = "imagenet2012"
TRAIN_TAR, VAL_TAR = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
SIZES = {TRAIN_TAR: 147_897_477_120, VAL_TAR: 6_744_924_160}  # bytes
SITE = "https://image-net.org/download-images"
TREES = (".", "imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC", "imagenet/ILSVRC/Data/CLS-LOC")  # the last as on Kaggle
VAL_IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
CLASS_TAR = re.compile(r"(n\d{8})\.tar")


def load(source: DataSource, build: bool = True) -> DataSet:
    """The first form that is there: shards, a built TFDS data set, the two tars, a tree of folders.

    Args:
        source: where to look.
        build: whether TFDS may build its data set from the tars, which takes hours.

    Raises:
        AbsentError: there is none, or only tars where nothing is to be built.
        OptionError: there are only shards or a tree, and they are to be split.
        InputError: the one that is there is incomplete.
    """
    library = tfds_builders.tfds(source)
    data_dir = tfds_builders.data_folder(source)
    manual_dir = Path(source.manual_dir).expanduser() if source.manual_dir else data_dir / "downloads" / "manual"
    candidates = (data_dir, *sorted(data_dir.glob(f"{NAME}*")))
    prepared = (folder for folder in candidates if shards.is_prepared(folder))
    stored = next((folder for folder in prepared if shards.manifest(folder)["name"] == NAME), None)
    if stored and source.split is None:
        return shards.load(stored)
    builder = library.builder(BUILDER, data_dir=str(data_dir))
    tars = {name: manual_dir / name for name in SIZES}
    if builder.is_prepared() or all(path.is_file() for path in tars.values()):
        if not builder.is_prepared():
            if not build:
                raise AbsentError(
                    f"{BUILDER} is not built from the tars in {manual_dir} yet, which takes hours; leave out --dry-run."
                )
            check_train_tar(tars[TRAIN_TAR])
            check_val_tar(tars[VAL_TAR])
            tfds_builders.build(builder, DataSource(name=NAME, data_dir=str(data_dir), manual_dir=str(manual_dir)))
        return tfds_builders.from_builder(builder, source, NAME)
    tree = next((data_dir / name for name in TREES if is_tree(data_dir / name)), None)
    if source.split is not None and (stored or tree):
        raise OptionError(
            f"--split {source.split}: {stored or tree} has its own; only data sets that TFDS has built are split so."
        )
    if tree:
        return from_tree(tree)
    looked_for = "; ".join(
        [
            f"shards in {data_dir} or {data_dir / NAME}*",
            f"a TensorFlow Datasets build in {data_dir / BUILDER}",
            f"{TRAIN_TAR} and {VAL_TAR} in {manual_dir}",
            f"train/<synset>/*.JPEG with val in {data_dir}, or there in {', '.join(TREES[1:])}",
        ]
    )
    downloads = " and ".join(f"{name} ({size / 1e9:.1f} GB, {size:,} bytes)" for name, size in SIZES.items())
    raise AbsentError(
        f"--data {NAME} was not found. Looked for: {looked_for}. Register at {SITE}, download {downloads}, "
        f"put both into {manual_dir}, and call this again; or name other folders by --data-dir and --manual-dir."
    )


def synsets() -> tuple[str, ...]:
    """The 1,000 classes in the order of their labels, as TFDS ships them."""
    return tuple(_shipped("datasets/imagenet2012/labels.txt"))


def _shipped(path: str) -> list[str]:
    import tensorflow_datasets

    lines: list[str] = Path(tensorflow_datasets.core.tfds_path(path)).read_text().split()
    return lines


def is_tree(root: Path) -> bool:
    """Whether a folder has `train/<synset>` and `val`, of however many of the classes."""
    if not (root / "train").is_dir() or not (root / "val").is_dir():
        return False
    classes = folders.subfolders(root / "train")
    return bool(classes) and all(re.fullmatch(r"n\d{8}", name) for name in classes)


def is_whole(root: Path) -> bool:
    """Whether a tree is ImageNet itself and no subset of it: it has all classes, or `val` as ImageNet ships it."""
    return is_tree(root) and (len(folders.subfolders(root / "train")) == 1000 or _is_flat(root / "val"))


def _is_flat(val: Path) -> bool:
    with os.scandir(val) as entries:
        return any(VAL_IMAGE.fullmatch(entry.name) for entry in entries)


def from_tree(root: Path) -> DataSet:
    """`train/<synset>/*.JPEG`, and `val/<synset>/*.JPEG` or the flat `val/ILSVRC2012_val_*.JPEG`.

    The labels of a flat `val` are those that TFDS ships.

    Raises:
        InputError: a folder is no class of ImageNet's, or a validation picture has no label (when it is opened).
    """
    names = synsets()

    def open_split(split: str) -> Any:
        folder = root / ("train" if split == "train" else "val")
        if split == "validation" and _is_flat(folder):
            return folders.files([_flat(root, names)])
        return folders.files(_by_synset(folder, names))

    return DataSet(NAME, names, open_split)


def _by_synset(folder: Path, names: tuple[str, ...]) -> Iterable[folders.Files]:
    labels = {name: label for label, name in enumerate(names)}
    for synset in folders.subfolders(folder):
        if synset not in labels:
            raise InputError(f"{folder / synset} is none of the 1,000 classes of ILSVRC2012; move it away.")
        found = folders.images(folder / synset)
        yield folders.Files(folder / synset, found, np.full(len(found), labels[synset], np.int64))


def _flat(root: Path, names: tuple[str, ...]) -> folders.Files:
    found = folders.images(root / "val")
    truth = _shipped("datasets/imagenet2012/validation_labels.txt")
    indices = {name: label for label, name in enumerate(names)}
    labels = np.empty(len(found), np.int64)
    for row, name in enumerate(map(os.fsdecode, found.tolist())):
        match = VAL_IMAGE.fullmatch(name)
        if match is None:
            raise InputError(f"{root / 'val' / name} is not named as ILSVRC2012's validation pictures; move it away.")
        number = int(match[1])
        if not 1 <= number <= len(truth):
            raise InputError(
                f"{root / 'val' / name} has no label: ILSVRC2012 has {len(truth):,} validation images; move it away."
            )
        labels[row] = indices[truth[number - 1]]
    return folders.Files(root / "val", found, labels)


def check_train_tar(path: Path) -> None:
    """See that the tar holds one tar of pictures a class, before hours are spent on it.

    Raises:
        InputError: it is truncated or no tar, or a name in it is not one of ImageNet's; nothing is ever extracted.
    """
    known = set(synsets())
    with _Tar(path) as outer, Progress(f"Checking {path.name}", len(known), "classes") as progress:
        for member in outer:
            match = CLASS_TAR.fullmatch(member.name)
            if match is None or match[1] not in known or not member.isfile():
                raise InputError(f"{path} holds {member.name!r}, which is no class of ILSVRC2012; download it again.")
            content = outer.extractfile(member)
            with tarfile.open(fileobj=content, mode="r:") as inner:
                for image in inner:
                    if not re.fullmatch(rf"{match[1]}_\d+\.JPEG", image.name) or not image.isfile():
                        raise InputError(
                            f"{path} holds {image.name!r} in {member.name}, which is no picture of that class; "
                            "download it again."
                        )
                if not _ends(inner):
                    raise tarfile.ReadError(f"{member.name} breaks off")
            progress.advance(1)


def check_val_tar(path: Path) -> None:
    """See that the tar holds pictures 1 to N: TFDS gives the n-th of the sorted names the n-th label.

    Raises:
        InputError: it is truncated or no tar, or a picture is missing or has another name.
    """
    with _Tar(path) as outer:
        members = outer.getmembers()
    for member in members:
        if not VAL_IMAGE.fullmatch(member.name) or not member.isfile():
            raise InputError(
                f"{path} holds {member.name!r}, which is no validation picture of ILSVRC2012; download it again."
            )
    for number, name in enumerate(sorted(member.name for member in members), 1):
        if name != f"ILSVRC2012_val_{number:08}.JPEG":
            raise InputError(
                f"{path} lacks ILSVRC2012_val_{number:08}.JPEG, so the labels of those after it would be wrong; "
                "download it again."
            )


def _ends(tar: tarfile.TarFile) -> bool:
    """Whether a block of zeros follows the last member, which Python's tarfile does not ask for."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    return tar.fileobj.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)


class _Tar:
    """An open tar whose faults have a name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> tarfile.TarFile:
        try:
            self.tar = tarfile.open(self.path, "r:")
        except (OSError, tarfile.TarError) as error:
            raise self._damaged(error) from error
        return self.tar

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None and not _ends(self.tar):
            error = EOFError("it breaks off")
        self.tar.close()
        if isinstance(error, OSError | EOFError | tarfile.TarError):
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        size, expected = self.path.stat().st_size, SIZES[self.path.name]
        return InputError(f"{self.path} is no whole tar ({error}): {size:,} bytes of {expected:,}; download it again.")
