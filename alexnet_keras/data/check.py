"""`data check`: what a data set holds, and what would make training on it go wrong."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
import xxhash

from alexnet_keras.data.dataset import DataSet, Stream
from alexnet_keras.data.shards import SPLITS
from alexnet_keras.data.shards.convert import in_threads, why_unreadable
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress

MAX_SHARED = 0.001  # of the validation pictures: they may change its errors by that much
MAX_IMBALANCE = 10.0  # times as many pictures in the largest class as in the smallest


@dataclass
class SplitReport:
    """One split.

    Attributes:
        images: pictures in it.
        unreadable: name and reason of each picture that cannot be used.
        per_class: readable pictures of each class, in the order of the labels.
        shorter_side, longer_side: smallest, median and largest, in pixels.
        contradictions: pictures that are in the split twice or more, in different classes.
    """

    images: int
    unreadable: list[dict[str, str]] = field(default_factory=list)
    per_class: list[int] = field(default_factory=list)
    shorter_side: tuple[int, int, int] = (0, 0, 0)
    longer_side: tuple[int, int, int] = (0, 0, 0)
    contradictions: int = 0


@dataclass
class Report:
    """A whole data set.

    Attributes:
        name: of the data set.
        class_names: in the order of the labels.
        train, validation: the splits.
        duplicates: the validation pictures that are in the training set too, as pairs of names.
        imbalance: training pictures of the largest class by those of the smallest; `None` where a class has none.
        problems: what would make training or its validation go wrong; empty is good.
        warnings: what one should know.
    """

    name: str
    class_names: tuple[str, ...]
    train: SplitReport
    validation: SplitReport
    duplicates: list[dict[str, str]]
    imbalance: float | None
    problems: list[str]
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


# What is kept of each readable picture: 32 bytes, so that a million of them are little.
_IMAGE = np.dtype([("place", "i8"), ("label", "i8"), ("digest", "u8"), ("shorter", "i4"), ("longer", "i4")])


def check(dataset: DataSet, jobs: int) -> Report:
    """Read every picture once.

    Two pictures are the same if they have the same size and the same decoded pixels, whatever file they lie in.

    Args:
        dataset: any data set.
        jobs: pictures that are read at once.

    Raises:
        InputError: a split cannot be opened, or a label is none of the classes'.
    """
    streams = {split: dataset.stream(split) for split in SPLITS}
    reports, pictures = {}, {}
    for split, stream in streams.items():
        reports[split], pictures[split] = _read(dataset, split, stream, jobs)
    train, validation = pictures["train"], pictures["validation"]
    order = np.argsort(train["digest"], kind="stable")
    found = np.searchsorted(train["digest"][order], validation["digest"])
    shared = np.flatnonzero(train["digest"][order][np.minimum(found, max(0, len(order) - 1))] == validation["digest"])
    duplicates = [
        {
            "validation": streams["validation"].name(int(validation["place"][index])),
            "training": streams["train"].name(int(train["place"][order[found[index]]])),
        }
        for index in shared
    ]
    smallest, largest = min(reports["train"].per_class), max(reports["train"].per_class)
    report = Report(
        dataset.name,
        dataset.class_names,
        reports["train"],
        reports["validation"],
        duplicates,
        largest / smallest if smallest else None,
        [],
        [],
    )
    _judge(report)
    return report


def _read(dataset: DataSet, split: str, stream: Stream, jobs: int) -> tuple[SplitReport, np.ndarray]:
    def load(*element: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return stream.load(*element)[:2]

    report, table, count = SplitReport(stream.count), np.empty(stream.count, _IMAGE), 0
    with Progress(f"Checking {split}", stream.count) as progress:
        for index, parts in enumerate(in_threads(stream, load, 0, stream.count, jobs)):
            progress.advance(1)
            if parts is None:
                reason = why_unreadable(stream, index)
                report.unreadable.append({"picture": stream.name(index), "reason": reason})
                continue
            pixels, label = parts
            if not 0 <= label < len(dataset.class_names):
                raise dataset.label_error(stream.name(index), int(label))
            sides = pixels.shape[:2]
            digest = xxhash.xxh3_64_intdigest(pixels, seed=sides[0])  # equal bytes in other rows are another picture
            table[count] = index, label, digest, min(sides), max(sides)
            count += 1
    if not count:
        raise InputError(f"No picture for {split} of {dataset.name} can be used.")
    table = table[:count]
    report.per_class = np.bincount(table["label"], minlength=len(dataset.class_names)).tolist()
    report.shorter_side, report.longer_side = _spread(table["shorter"]), _spread(table["longer"])
    order = np.lexsort((table["label"], table["digest"]))
    digests, labels = table["digest"][order], table["label"][order]
    report.contradictions = len(np.unique(digests[1:][(digests[1:] == digests[:-1]) & (labels[1:] != labels[:-1])]))
    return report, table


def _spread(sides: np.ndarray) -> tuple[int, int, int]:
    return int(sides.min()), int(np.median(sides)), int(sides.max())


def _judge(report: Report) -> None:
    for name, split in (("training", report.train), ("validation", report.validation)):
        if split.unreadable:
            report.problems.append(f"{len(split.unreadable):,} {name} pictures cannot be used")
        empty = [report.class_names[label] for label, count in enumerate(split.per_class) if not count]
        if empty:
            more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
            report.problems.append(f"no {name} picture of {', '.join(empty[:3])}{more}")
        if split.contradictions:
            report.warnings.append(f"{split.contradictions:,} {name} pictures are in more than one class")
    shared = len(report.duplicates)
    if shared:
        share = shared / sum(report.validation.per_class)
        where = report.problems if share > MAX_SHARED else report.warnings
        where.append(f"{shared:,} validation pictures ({share:.2%}) are training pictures too")
    if report.imbalance is not None and report.imbalance > MAX_IMBALANCE:
        report.warnings.append(f"the largest class has {report.imbalance:.1f} times the pictures of the smallest")
