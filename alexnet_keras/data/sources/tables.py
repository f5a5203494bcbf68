"""Read images that a table lists: one row for each, with its file, its label and possibly its split."""

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.data.image_files import SUFFIXES as IMAGE_SUFFIXES
from alexnet_keras.data.sources import division
from alexnet_keras.data.sources.file_split import split_of
from alexnet_keras.data.sources.files import Files, check_image, entries, of_class, subfolders
from alexnet_keras.data.sources.folders import TRAIN, VALIDATION
from alexnet_keras.system.errors import InputError, OptionError, check
from alexnet_keras.system.input_files import read_bytes
from alexnet_keras.system.terminal_text import brief, listed

SUFFIXES = (".csv", ".tsv")
TABLE_BYTES = 2**28  # a table of ImageNet has 70 MB
DELIMITERS = ",;\t|"
# Names of columns in lower case with underscores; of several, the first is taken.
COLUMNS = {
    "file": (
        *("file", "filename", "file_name", "filepath", "file_path", "path", "filepaths", "image", "image_path"),
        *("image_file", "image_filename", "image_name", "img", "img_path", "fname", "photo", "image_id", "id"),
    ),
    "label": (
        *("label", "labels", "class", "class_name", "classname", "label_name", "category", "category_name"),
        *("target", "species", "breed", "tag", "class_id", "category_id", "y"),
    ),
    "split": ("split", "set", "subset", "partition", "data_set", "dataset", "usage"),
}
ENDS = ("", *IMAGE_SUFFIXES, *map(str.upper, IMAGE_SUFFIXES))  # that a table may leave out
ANNOTATIONS = "val_annotations.txt"  # of Tiny ImageNet


class _Row(NamedTuple):
    """A row of a table: its line, the path as written, the same as folder and name, the label, and the split or ""."""

    line: int
    written: str
    folder: str
    name: str
    label: str
    split: str


def load(path: Path, source: DataSource) -> DataSet:
    """Open a table. Its paths are relative to its folder, and the images must be in that folder or below it."""
    reader = _reader(path)
    try:
        indices = _indices(path, next(reader, []), source.columns)
    except csv.Error as error:
        raise InputError(f"{path} is no table ({error}); check the file.") from error
    rows, repeated = _distinct(path, _rows(path, reader, indices, path.parent))
    splits: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        splits["train" if row.split in TRAIN else row.split].append(row)
    training = splits.get("train", []) if indices["split"] is not None else rows
    if not training:
        raise InputError(f"{path} has no row for training; add some.")
    name = next((name for name in VALIDATION if name in splits), None)
    class_names = _classes(training)
    division.check_count(class_names, str(path))
    remark = f"{repeated:,} repeated rows are ignored" if repeated else ""
    if name is None:
        remark = "; ".join(filter(None, (division.describe(source), remark)))
        parts = division.divide(_locate(path, training, class_names), path.parent, class_names, source)
    else:
        division.check_not_asked(source, str(path), ", or pass `columns=split=none`")
        where = (f"The split 'train' of {path}", f"its split {name!r}")
        division.check_classes(class_names, _classes(splits[name]), where)
        parts = {"train": _locate(path, training, class_names), "validation": _locate(path, splits[name], class_names)}
    return DataSet(path.stem, class_names, lambda split: split_of(parts[split]), division=remark)


def _reader(path: Path, delimiter: str = "") -> Any:
    """Read the lines of a table in UTF-8 or UTF-16, as spreadsheets write it."""
    content = read_bytes(path, TABLE_BYTES)
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path} is not in UTF-8 (see line {line:,}); save it as 'CSV UTF-8'.") from error
    first = text.split("\n", 1)[0]
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or max(DELIMITERS, key=first.count))


def _indices(path: Path, header: Sequence[str], columns: str | None) -> dict[str, int | None]:
    """Find the columns of file, label and split, by the names that `columns` gives or by the usual ones."""
    asked = dict(part.partition("=")[::2] for part in columns.split(",")) if columns else {}
    check(
        asked.keys() <= COLUMNS.keys() and "" not in asked.values(),
        f"`columns` must be such as file=photo,label=species,split=none, got {brief(columns)}.",
    )
    known = listed([brief(name) for name in header], 10) or "none"
    spelled = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in header]
    indices: dict[str, int | None] = {}
    for role, usual in COLUMNS.items():
        if role in asked and (role, asked[role]) != ("split", "none"):
            if asked[role] not in header:
                raise OptionError(f"`columns` {role}={brief(asked[role])}: the columns of {path} are {known}.")
            indices[role] = header.index(asked[role])
        else:
            names = () if role in asked else usual
            indices[role] = next((spelled.index(name) for name in names if name in spelled), None)
        if indices[role] is None and role != "split":
            raise InputError(
                f"{path} has no column for the {role} ({', '.join(usual[:3])}, ...) in its first line, only {known}; "
                f"name one by `columns={role}=NAME`."
            )
    return indices


def files_and_labels(path: Path, delimiter: str, root: Path) -> Iterable[_Row]:
    """Read a table of a file and a label in each line; `root` is the folder to which its paths are relative."""
    return _rows(path, _reader(path, delimiter), {"file": 0, "label": 1, "split": None}, root)


def _rows(path: Path, reader: Any, indices: dict[str, int | None], root: Path) -> Iterable[_Row]:
    """Read the rows; `root` is the folder to which their paths are relative."""
    base, folders = os.path.abspath(root), dict[str, str]()
    try:
        for cells in reader:
            if not any(cells):
                continue
            line, values = reader.line_num, {}
            for role, index in indices.items():
                values[role] = cells[index].strip() if index is not None and index < len(cells) else ""
                if index is not None and not values[role]:
                    raise InputError(f"{path} has no {role} in line {line:,}; add it or remove the row.")
            path_of_row = values["file"].replace("\\", "/")
            name = path_of_row.rpartition("/")[2]
            written = path_of_row.removesuffix(name)
            folder = folders.get(written)
            if folder is None:  # once for each of a few folders, since a table can have a million rows
                folder = folders[written] = os.path.normpath(os.path.join(base, written))
            if folder != base and not folder.startswith(base.rstrip("/") + "/"):
                raise InputError(
                    f"{path} names {brief(values['file'])} in line {line:,}, which is outside of its folder; move the "
                    "table to a folder that holds all images."
                )
            split = values["split"].lower()
            if indices["split"] is not None and split not in TRAIN + VALIDATION:
                raise InputError(
                    f"{path} has the split {brief(values['split'])} in line {line:,}, which is none of "
                    f"{', '.join(TRAIN + VALIDATION)}; correct it, or pass `columns=split=none`."
                )
            yield _Row(line, values["file"], folder, name, values["label"], split)
    except csv.Error as error:
        raise InputError(f"{path} cannot be read in line {reader.line_num:,} ({error}); check the file.") from error


def _distinct(path: Path, rows: Iterable[_Row]) -> tuple[list[_Row], int]:
    """Return the rows without repetitions, and the number of these."""
    found: dict[tuple[str, str], _Row] = {}
    repeated = 0
    for row in rows:
        first = found.setdefault((row.folder, row.name), row)
        repeated += first is not row
        if (first.label, first.split) != (row.label, row.split):
            raise InputError(
                f"{path} has {brief(row.written)} twice with different labels or splits, in the lines {first.line:,} "
                f"and {row.line:,}; remove one of them."
            )
    return list(found.values()), repeated


def _classes(rows: Iterable[_Row]) -> tuple[str, ...]:
    """Sort the labels: as numbers if all of them are, so that a class has its number as its index."""
    names = {row.label for row in rows}
    numbers = all(name.isascii() and name.isdecimal() and len(name) < 10 for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if numbers else None))


def _locate(path: Path, rows: Iterable[_Row], class_names: Sequence[str]) -> list[Files]:
    """Find the files of rows; a name may lack the suffix of an image."""
    labels = {name: label for label, name in enumerate(class_names)}
    folders: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        folders[row.folder].append(row)
    parts, missing = [], []
    for folder, of_folder in sorted(folders.items()):
        listing = {os.fsdecode(entry.name): entry for entry in entries(Path(folder))} if os.path.isdir(folder) else {}
        found = []
        for row in of_folder:
            name = next((row.name + end for end in ENDS if row.name + end in listing), None)
            if name is None:
                missing.append(row)
                continue
            check_image(listing[name])
            found.append((os.fsencode(name), labels[row.label]))
        found.sort()
        names, numbers = zip(*found, strict=True) if found else ((), ())
        parts.append(Files(Path(folder), np.array(names, "S"), np.array(numbers, np.int64)))
    if missing:
        first = min(missing, key=lambda row: row.line)
        raise InputError(
            f"{path} names {len(missing):,} files that do not exist, the first in line {first.line:,}: "
            f"{brief(first.written)}; paths are relative to the table, so correct them or move the table."
        )
    return parts


def is_tiny_imagenet(root: Path) -> bool:
    """Whether a folder is Tiny ImageNet as its archive has it."""
    return (
        (root / "val" / ANNOTATIONS).is_file() and (root / "train").is_dir() and subfolders(root / "val") == ("images",)
    )


def tiny_imagenet(root: Path) -> DataSet:
    """Open `train/<synset>/images/` and `val/images/`, whose labels `val/val_annotations.txt` has."""
    class_names, table, ignored = subfolders(root / "train"), root / "val" / ANNOTATIONS, Counter[str]()
    division.check_count(class_names, str(root / "train"))

    def open_split(split: str) -> Split:
        if split == "train":
            folders = enumerate(class_names)
            return split_of(part for label, name in folders for part in of_class(root / "train" / name, label, ignored))
        rows = list(files_and_labels(table, "\t", root / "val" / "images"))
        division.check_classes(class_names, _classes(rows), (str(root / "train"), str(table)))
        return split_of(_locate(table, rows, class_names))

    return DataSet(root.resolve().name, class_names, open_split, ignored=ignored)
