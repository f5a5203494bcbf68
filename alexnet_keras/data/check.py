"""Check a data set before training: count, read and compare all of its images."""

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
import xxhash

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import SPLITS
from alexnet_keras.data.dataset import DataSet, ImageForm, Stream, too_few
from alexnet_keras.data.decode import is_turned
from alexnet_keras.data.shards.convert import in_threads, why_unreadable
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress
from alexnet_keras.system.terminal_text import listed

MAX_SHARED = 0.001  # fraction of the validation images; duplicates can change the validation error by as much
MIN_SPREAD = 3.0  # standard deviation in grey levels, of 255; noise and JPEG artefacts of one colour have less
BATCH_SIZE = recipe("quickstart").batch_size  # that training uses if the user names no other one
MAX_IMBALANCE = 10.0  # images of the largest class divided by those of the smallest


@dataclass
class SplitReport:
    """The contents of one split.

    Attributes:
        per_class: number of readable images of each class, in the order of the labels.
        shorter_side, longer_side: smallest, median and largest value in pixels.
        uniform: number of images of almost one colour.
        turned: number of JPEG files that are turned upright, as their EXIF data say.
    """

    images: int
    unreadable: list[dict[str, str]] = field(default_factory=list)
    per_class: list[int] = field(default_factory=list)
    shorter_side: tuple[int, int, int] = (0, 0, 0)
    longer_side: tuple[int, int, int] = (0, 0, 0)
    contradictions: int = 0
    uniform: int = 0
    turned: int = 0


@dataclass
class Report:
    """The contents of a data set, and the problems that were found.

    Attributes:
        duplicates: the validation images that are training images too, as pairs of names.
        imbalance: training images of the largest class divided by those of the smallest; `None` if a class is empty.
        division: how the validation images were chosen, unless the data set has its own.
        ignored: number of files that are no images, by suffix.
        problems: findings that make the results of training wrong.
        warnings: findings that may make the results of training wrong.
    """

    name: str
    class_names: tuple[str, ...]
    train: SplitReport
    validation: SplitReport
    duplicates: list[dict[str, str]]
    imbalance: float | None
    division: str
    ignored: dict[str, int]
    problems: list[str]
    warnings: list[str]


# A record of each readable image: 36 bytes, so that a million images need 36 MB.
_IMAGE = np.dtype(
    [("index", "i8"), ("label", "i8"), ("digest", "u8"), ("shorter", "i4"), ("longer", "i4"), ("spread", "f4")]
)


def check(dataset: DataSet, jobs: int) -> Report:
    """Read every image once and report what is wrong with a data set.

    Two images are duplicates if they have the same size and the same decoded pixels.
    """
    streams = {split: dataset.stream(split) for split in SPLITS}
    reports, images = {}, {}
    for split, stream in streams.items():
        with native_stderr.silenced():  # the JPEG library prints what it finds, without the name of the image
            reports[split], images[split] = _read(dataset, split, stream, jobs)
    train, validation = images["train"], images["validation"]
    order = np.argsort(train["digest"], kind="stable")
    found = np.searchsorted(train["digest"][order], validation["digest"])
    shared = np.flatnonzero(train["digest"][order][np.minimum(found, max(0, len(order) - 1))] == validation["digest"])
    duplicates = [
        {
            "validation": streams["validation"].name(int(validation["index"][index])),
            "training": streams["train"].name(int(train["index"][order[found[index]]])),
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
        dataset.division,
        dict(dataset.ignored),
        [],
        list(
            filter(None, (dataset.ignored_files(), too_few(len(train), len(dataset.class_names)), _batch(len(train))))
        ),
    )
    _judge(report)
    return report


def _batch(images: int) -> str:
    """Warn if the images are fewer than a batch of the default recipe, which training refuses."""
    if images >= BATCH_SIZE:
        return ""
    return f"{images:,} training images are fewer than a batch of {BATCH_SIZE}; train with batches of at most {images}"


def _read(dataset: DataSet, split: str, stream: Stream, jobs: int) -> tuple[SplitReport, np.ndarray]:
    def load(*element: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image, label, _ = stream.read(*element)
        turned = tf.constant(False) if stream.form is ImageForm.DECODED else is_turned(image)
        return stream.decoded(image), label, turned

    report, table, count = SplitReport(stream.count), np.empty(stream.count, _IMAGE), 0
    with Progress(f"Checking {split}", stream.count) as progress:
        for index, parts in enumerate(in_threads(stream, load, 0, stream.count, jobs)):
            progress.advance(1)
            if parts is None:
                reason = why_unreadable(stream, index)
                report.unreadable.append({"image": stream.name(index), "reason": reason})
                continue
            pixels, label, turned = parts
            report.turned += int(turned)
            if not 0 <= label < len(dataset.class_names):
                raise dataset.label_error(stream.name(index), int(label))
            sides = pixels.shape[:2]
            # The seed tells images of equal bytes and other shapes apart.
            digest = xxhash.xxh3_64_intdigest(pixels, seed=sides[0])
            spread = pixels[:: 1 + sides[0] // 64, :: 1 + sides[1] // 64].std(axis=(0, 1)).max()
            table[count] = index, label, digest, min(sides), max(sides), spread
            count += 1
    if not count:
        raise InputError(f"No image for {split} of {dataset.name} can be used; replace the images.")
    table = table[:count]
    report.per_class = np.bincount(table["label"], minlength=len(dataset.class_names)).tolist()
    report.uniform = int((table["spread"] < MIN_SPREAD).sum())
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
            report.problems.append(f"{len(split.unreadable):,} {name} images cannot be used")
        empty = [report.class_names[label] for label, count in enumerate(split.per_class) if not count]
        if empty:
            report.problems.append(f"no {name} image of {listed(empty)}")
        if split.uniform:
            report.warnings.append(f"{split.uniform:,} {name} images have almost one colour")
        if split.contradictions:
            report.warnings.append(f"{split.contradictions:,} {name} images are in more than one class")
    shared = len(report.duplicates)
    if shared:
        fraction = shared / sum(report.validation.per_class)
        where = report.problems if fraction > MAX_SHARED else report.warnings
        where.append(f"{shared:,} validation images ({fraction:.2%}) are training images too")
    if report.imbalance is not None and report.imbalance > MAX_IMBALANCE:
        report.warnings.append(f"the largest class has {report.imbalance:.1f} times the images of the smallest")
