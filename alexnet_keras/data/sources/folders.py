"""Read images from class folders: with a split for training and one for validation, or to be divided into both."""

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.data.image_files import SUFFIXES
from alexnet_keras.data.sources import division
from alexnet_keras.data.sources.file_split import split_of
from alexnet_keras.data.sources.files import Files, images, of_class, subfolders
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.terminal_text import counted

TRAIN = ("train", "training")
VALIDATION = ("val", "valid", "validation", "test", "testing")  # of several, the first is used


def load(root: Path, source: DataSource) -> DataSet:
    """Open a folder `<root>/{train,val}/<class>/...`, or `<root>/<class>/...`, whose images are divided."""
    ignored: Counter[str] = Counter()
    train, validation = find_splits(root)
    if validation is not None:
        division.check_not_asked(source, str(root), f", or pass {train} to divide its images")
        class_names = subfolders(train)
        division.check_classes(class_names, subfolders(validation), (str(train), str(validation)))
        opened = {"train": train, "validation": validation}

        def open_split(split: str) -> Split:
            return split_of(_complete(opened[split], class_names, ignored))

        return DataSet(root.resolve().name, class_names, open_split, ignored=ignored)

    class_names = subfolders(train)
    if not class_names:
        raise InputError(
            f"{train} has no class folders; arrange the images as <class>/<image>, or name the class of each in a "
            "table and pass that, such as labels.csv."
        )
    if len(class_names) == 1:
        inner = train / class_names[0]
        raise InputError(
            f"{train} has one class folder, {class_names[0]!r}, and a classifier needs at least two; "
            f"if that folder holds the classes, pass {inner}."
        )

    @functools.cache
    def divided() -> dict[str, list[Files]]:
        return division.divide(_complete(train, class_names, ignored), train, class_names, source)

    return DataSet(
        root.resolve().name,
        class_names,
        lambda split: split_of(divided()[split]),
        ignored=ignored,
        division=division.describe(source),
    )


def find_splits(root: Path) -> tuple[Path, Path | None]:
    """Find the folders of the training and of the validation images; without the second, the first is to be divided.

    Folders named like splits are splits if they have class folders, or if no other folders exist.
    """
    children = subfolders(root)
    train, validation = ([name for name in children if name.lower() in names] for names in (TRAIN, VALIDATION))
    for names in (train, validation):
        alike = [name for name in names if names is train or [*map(str.lower, names)].count(name.lower()) > 1]
        if len(alike) > 1:
            raise InputError(f"{root} has the folders {' and '.join(alike)}; rename or remove all but one of them.")
    with_classes = [name for name in validation if subfolders(root / name)]
    only_splits = len(children) == len(train) + len(validation) > 0
    if only_splits and not train:
        raise InputError(f"{root} has {' and '.join(validation)}, but no folder 'train'; name one so.")
    if train and (only_splits or (with_classes and subfolders(root / train[0]))):
        best = min(with_classes, key=lambda name: VALIDATION.index(name.lower()), default=None)
        return root / train[0], None if best is None else root / best
    return root, None


def _complete(folder: Path, class_names: Sequence[str], ignored: Counter[str]) -> Iterator[Files]:
    """Find the images of every class, and count those that are in no class."""
    loose, _ = images(folder, Counter(), checked=False)
    if len(loose):
        ignored["outside of class folders"] += len(loose)
    for label, class_name in enumerate(class_names):
        others: Counter[str] = Counter()
        parts = list(of_class(folder / class_name, label, others))
        if not parts:
            found = f", only {counted(others)}" if others else ""
            raise InputError(
                f"{folder / class_name} holds no image ({', '.join(SUFFIXES)}){found}; convert or add some, or remove "
                "the folder."
            )
        ignored.update(others)
        yield from parts
