"""Divide images that have no split of their own into training and validation images."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import xxhash

from alexnet_keras.config.training import SPLITS, VALIDATION_SPLIT, DataSource
from alexnet_keras.data.sources.files import Files
from alexnet_keras.system.errors import InputError, check
from alexnet_keras.system.terminal_text import listed


def check_not_asked(source: DataSource, owner: str, remedy: str = "") -> None:
    """Refuse to divide a data set that has a split of its own."""
    name = "fold" if source.fold else "validation_split"
    value = getattr(source, name)
    check(value is None, f"`{name}` {value}: {owner} has its own validation images; omit `{name}`{remedy}.")


def check_classes(training: Sequence[str], validation: Sequence[str], where: tuple[str, str]) -> None:
    """Check that both splits have the same classes, at least two.

    Args:
        where: what to call the two splits in the message.
    """
    check_count(training, where[0])
    lacking = zip(where, (set(validation) - set(training), set(training) - set(validation)), strict=True)
    words = [f"{split} lacks the class {listed(sorted(map(repr, names)))}" for split, names in lacking if names]
    if words:
        raise InputError(f"{' and '.join(words)}; every class needs images for training and for validation.")


def check_count(class_names: Sequence[str], where: str) -> None:
    if len(class_names) < 2:
        found = f"only the class {class_names[0]!r}" if class_names else "no class"
        raise InputError(f"{where} has {found}; a classifier needs at least two.")


def describe(source: DataSource) -> str:
    """Say in a few words how `divide` divides."""
    if source.fold:
        number, count = source.fold.split("/")
        return f"fold {number} of {count} is for validation, split seed {source.split_seed}"
    fraction = source.validation_split or VALIDATION_SPLIT
    return f"{fraction:.4g} of each class is for validation, split seed {source.split_seed}"


def divide(
    parts: Iterable[Files], root: Path, class_names: Sequence[str], source: DataSource
) -> dict[str, list[Files]]:
    """Divide the images of each class at random.

    The images of a class are ordered by the hashes of their paths below `root`, so that the division depends neither on
    the order of the files on the disk nor on where the folder is.

    Args:
        root: a folder above them.
    """
    parts = list(parts)
    labels = np.concatenate([part.labels for part in parts])
    keys = np.concatenate([_hashes(part, root, source.split_seed) for part in parts])
    order = np.lexsort((keys, labels))
    counts = np.bincount(labels, minlength=len(class_names))
    before = np.cumsum(counts) - counts
    number, folds = map(int, source.fold.split("/")) if source.fold else (1, 2)
    smallest = int(np.argmin(counts))
    if counts[smallest] < folds:
        raise InputError(
            f"The class {class_names[smallest]!r} of {root} has {counts[smallest]} image(s), fewer than the "
            f"{folds} that {'folds' if source.fold else 'a training and a validation split'} need; add images or "
            "remove the class."
        )
    if source.fold:
        chosen = np.arange(len(order)) % folds == number - 1  # in the order of the classes: equal parts of each
    else:
        wanted = np.rint(counts * (source.validation_split or VALIDATION_SPLIT)).astype(np.int64)
        rank = np.arange(len(order)) - before[labels[order]]
        chosen = rank < np.clip(wanted, 1, counts - 1)[labels[order]]
    validation = np.empty(len(order), bool)
    validation[order] = chosen
    of_parts = np.split(validation, np.cumsum([len(part.names) for part in parts])[:-1])
    return {
        name: [
            Files(part.folder, part.names[mask], part.labels[mask])
            for part, held_out in zip(parts, of_parts, strict=True)
            for mask in [held_out if name == "validation" else ~held_out]
        ]
        for name in SPLITS
    }


def _hashes(part: Files, root: Path, seed: int) -> np.ndarray:
    folder = os.fsencode(os.path.relpath(part.folder, root)) + b"/"
    return np.array([xxhash.xxh3_64_intdigest(folder + name, seed) for name in part.names.tolist()], np.uint64)
