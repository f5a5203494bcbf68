"""Decode, resize and store every image of a data set once, in shards that training reads fast.

A shard is written completely or not at all, and a finished shard is not written again, so `prepare` can be killed at
any moment and called again. The bytes of a shard depend on its images alone, not on the number of threads.
"""

import contextlib
import dataclasses
import io
import json
import math
import re
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from alexnet_keras.config.serialization import BEFORE, build
from alexnet_keras.config.training import SPLITS
from alexnet_keras.data.color_statistics import Moments
from alexnet_keras.data.dataset import DataSet, Stream
from alexnet_keras.data.shards import Reader, Sources
from alexnet_keras.data.shards.convert import QUALITY, Settings, Stored, conversion, store
from alexnet_keras.data.shards.format import (
    FORMAT,
    IMAGES_FILE,
    INDEX_FILE,
    MANIFEST,
    MAX_LIST_BYTES,
    NOTES_FILE,
    PLAN,
    SOURCES_FILE,
    BadImage,
    Manifest,
    Shard,
    Splits,
    describe,
    is_prepared,
    manifest,
    renamed,
)
from alexnet_keras.data.shards.writer import writing
from alexnet_keras.system import atomic_files, native_stderr
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.disk import check_free
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import parse_json, read_bytes, read_json
from alexnet_keras.system.lock import LOCK, lock_folder
from alexnet_keras.system.progress import Progress, stage
from alexnet_keras.system.zip_files import write_array

IMAGES_PER_SHARD = 4096  # 110 MB of JPEGs or 805 MB raw; some seconds of work that a kill can cost
PARTIAL = re.compile(r"\.partial-[0-9a-f]{8}")  # a temporary folder of `atomic_files`
BYTES_PER_PIXEL = {"raw": 3, "jpeg": 0.5}  # JPEGs of photographs take 24 to 32 KB for 65,536 pixels
MAX_SHARDS = 512  # of a split: each is an open file, of which systems allow 1,024


@dataclass(frozen=True)
class Prepared:
    """The result of `prepare`.

    Attributes:
        resumed_shards: number of shards that an earlier call had written.
        images_per_second: number of images that this call stored, divided by the time it took; 0 if it stored none.
    """

    path: str
    images: dict[str, int]
    shards: int
    resumed_shards: int
    bytes: int
    seconds: float
    images_per_second: float
    bad: tuple[BadImage, ...]


def prepare(dataset: DataSet, output: Path, settings: Settings) -> Prepared:
    """Write the images of a data set into shards, or resume an earlier call that was stopped.

    `prepare` prints every unusable image of a shard on standard error before it stops.

    Args:
        output: a folder that does not exist, is empty, or holds the shards of an earlier call with the same data and
            settings.
    """
    start = time.monotonic()
    streams = {split: dataset.stream(split) for split in SPLITS}
    with stage("Listing the images"):  # 3 s for ImageNet's 1.3 million
        plan = _plan(dataset, streams, settings)
    try:
        _check_foreign(output)  # before anything is written there
        busy = f"Another process is preparing {output}; wait for it, or choose another `output`."
        with atomic_files.making_folder(output), lock_folder(output, busy), _forgetting_plan(output):
            return _prepare(dataset, streams, plan, output, settings, start)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written ({error.strerror or error}). Finished shards are kept; fix the problem, and "
            "call the same 'data prepare' again to resume."
        ) from error


def _prepare(
    dataset: DataSet, streams: dict[str, Stream], plan: dict[str, Any], output: Path, settings: Settings, start: float
) -> Prepared:
    finished = is_prepared(output)
    _claim(output, plan)
    jobs = [job for split, stream in streams.items() for job in _jobs(split, stream.count, settings.size)]
    missing = [job for job in jobs if not _is_done(output, job, settings.on_error == "skip")]
    if finished and missing:
        (output / MANIFEST).unlink()
        finished = False
    images = sum(job.stop - job.start for job in missing)
    check_free(output, images * settings.size**2 * BYTES_PER_PIXEL[settings.encoding], f"The data set {output}")
    stored, begun = 0, time.monotonic()
    for split in SPLITS:
        of_split = [job for job in missing if job.split == split]
        count = sum(job.stop - job.start for job in of_split)
        with native_stderr.silenced(), Progress(f"Preparing {split}", count) as progress:
            convert = conversion(streams[split], settings)
            for job in of_split:
                converted = store(streams[split], convert, job.start, job.stop, settings)
                stored += _make_shard(dataset, converted, output, job, settings, progress)
    seconds = time.monotonic() - begun
    if not finished:
        _finish(dataset, output, plan, jobs)
    values = manifest(output)
    verify(output, values)
    return Prepared(
        str(output),
        {split: sum(shard.images for shard in values.shards(split)) for split in SPLITS},
        len(jobs),
        len(jobs) - len(missing),
        sum(shard.bytes for split in SPLITS for shard in values.shards(split)),
        time.monotonic() - start,
        stored / seconds if stored else 0.0,
        values.bad_images,
    )


def verify(folder: Path, values: Manifest) -> None:
    """Compare counts and checksums of everything in a prepared folder with what was written."""
    with Progress(
        "Verifying shards", sum(shard.images for split in SPLITS for shard in values.shards(split))
    ) as progress:
        for split in SPLITS:
            reader = Reader(folder, values, split)
            names = Sources(folder, reader)
            for number, shard in enumerate(reader.shards):
                if shard.images:
                    _ = names[reader.starts[number]]
                for _ in reader.verify(number):
                    progress.advance(1)


def _plan(dataset: DataSet, streams: dict[str, Stream], settings: Settings) -> dict[str, Any]:
    """Return everything that determines the bytes of the shards; a call with another plan cannot resume."""
    return {
        "format": FORMAT,
        "name": dataset.name,
        "size": settings.size,
        "encoding": settings.encoding,
        "upright": dataset.turns,
        "quality": QUALITY if settings.encoding == "jpeg" else None,
        "checksum of classes": _checksum_of_names(dataset.class_names),
        "images": {split: stream.count for split, stream in streams.items()},
        "checksum of names": {
            split: _checksum_of_names(stream.name(index).rpartition("/")[2] for index in range(stream.count))
            for split, stream in streams.items()
        },
    }


def _checksum_of_names(names: Iterable[str]) -> str:
    """Return the checksum of file names without their folders, so that the data set can be moved between calls."""
    digest = xxhash.xxh3_64()
    for name in names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def _check_foreign(output: Path) -> None:
    if not (output / PLAN).is_file() and output.is_dir():
        strange = [path.name for path in output.iterdir() if path.name != LOCK and not PARTIAL.fullmatch(path.name)]
        if strange:
            raise InputError(
                f"{output} holds {strange[0]!r}; `output` must be a new or empty folder, or hold its shards."
            )


@contextlib.contextmanager
def _forgetting_plan(output: Path) -> Iterator[None]:
    """After an error, remove the plan if no shard is finished, so that the folder can be used for other data."""
    try:
        yield
    except BaseException:
        if {path.name for path in output.iterdir()} <= {PLAN, LOCK}:
            (output / PLAN).unlink(missing_ok=True)
        raise


def _claim(output: Path, plan: dict[str, Any]) -> None:
    file = output / PLAN
    if not file.is_file():
        atomic_files.write_json(file, plan)
    before = {**BEFORE, **read_json(file)}
    for key in plan:
        if before.get(key) != plan[key]:
            raise InputError(
                f"{output} holds shards of other data or settings ({key} {before.get(key)!r}, now {plan[key]!r}); "
                "choose another `output`, or remove the folder."
            )


@dataclass(frozen=True)
class _Job:
    """One shard: its name, the range of indices of its images in the split, and their side in pixels."""

    split: str
    shard: str
    start: int
    stop: int
    size: int


def _jobs(split: str, count: int, size: int) -> list[_Job]:
    step = max(IMAGES_PER_SHARD, math.ceil(count / MAX_SHARDS))
    return [
        _Job(split, f"{split}-{number:05}", start, min(start + step, count), size)
        for number, start in enumerate(range(0, count, step))
    ]


def _is_done(output: Path, job: _Job, skip_bad: bool) -> bool:
    if not all((output / name.format(job.shard)).is_file() for name in (IMAGES_FILE, SOURCES_FILE, INDEX_FILE)):
        return False
    try:
        _, bad = _read_notes(output, job)
    except InputError:
        return False  # damaged, so it is made again
    return skip_bad or not bad


def _read_notes(output: Path, job: _Job) -> tuple[np.ndarray, tuple[BadImage, ...]]:
    """Read the notes of a shard: the sums of its colors, `(4, 4)` int64, and its images that could not be used."""
    path = output / NOTES_FILE.format(job.shard)
    content = io.BytesIO(read_bytes(path, MAX_LIST_BYTES))
    try:
        with zipfile.ZipFile(content) as archive:
            declared = sum(member.file_size for member in archive.infolist())
        if declared > MAX_LIST_BYTES:
            raise ValueError(f"its arrays have {declared:,} bytes")
        with np.load(content) as notes:
            bad = renamed(parse_json(str(notes["bad"]), str(path)))
            sums = notes["sums"] if "sums" in notes else _sums_before_0_2(notes, job.size)
            return np.asarray(sums, np.int64).reshape(4, 4), build(tuple[BadImage, ...], bad, "bad")
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise InputError(f"{path} is damaged ({error}); remove it and prepare the data set again.") from error


def _make_shard(
    dataset: DataSet, images: Iterable[Stored], output: Path, job: _Job, settings: Settings, progress: Progress
) -> int:
    """Write one shard, and return the number of its images."""
    moments, bad = Moments(), []
    with writing(output, job.shard, settings.size, settings.encoding) as writer:
        for stored in images:
            if stored.reason is not None:
                bad.append(BadImage(job.shard, stored.name, stored.reason))
                progress.close()
                print_message(f"{stored.name} {stored.reason}")
            elif not 0 <= stored.label < len(dataset.class_names):
                raise dataset.label_error(stored.name, stored.label)
            else:
                writer.add(stored.name, stored.label, stored.record)
                if job.split == "train":
                    assert stored.color_sums is not None
                    moments.add(stored.color_sums)
            progress.advance(1)
        if bad and settings.on_error == "stop":
            raise InputError(
                f"{len(bad)} of {job.stop - job.start:,} images for {job.split} cannot be used, the first of them "
                f"{bad[0].image}, which {bad[0].reason}; replace or remove them, or leave such images "
                'out by `on_error="skip"`.'
            )
        notes = {"sums": moments.sums, "bad": json.dumps([dataclasses.asdict(entry) for entry in bad])}
        with (
            atomic_files.appear_whole(output / NOTES_FILE.format(job.shard)) as partial,
            zipfile.ZipFile(partial, "w") as archive,
        ):
            for name, value in notes.items():
                write_array(archive, name, value)
    return len(writer.index)


def _finish(dataset: DataSet, output: Path, plan: dict[str, Any], jobs: list[_Job]) -> None:
    """Write statistics and dataset.json, which makes a prepared data set of a folder of shards."""
    moments = Moments()
    bad: list[BadImage] = []
    shards: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    for job in jobs:
        sums, bad_of_shard = _read_notes(output, job)
        moments.add(sums)
        bad += bad_of_shard
        shard = describe(output, job.shard)
        missing = job.stop - job.start - shard.images - len(bad_of_shard)
        if missing:
            raise InputError(
                f"{output / job.shard} lacks {missing} of {job.stop - job.start} images; remove {job.shard}.* and "
                "call the same 'data prepare' again."
            )
        shards[job.split].append(shard)
    for split, of_split in shards.items():
        if not sum(shard.images for shard in of_split):
            raise InputError(
                f"No image for {split} of {dataset.name} can be read; 'data check' names the reasons of each."
            )
    values = Manifest(
        format=FORMAT,
        name=dataset.name,
        size=plan["size"],
        encoding=plan["encoding"],
        class_names=dataset.class_names,
        splits=Splits(**{split: tuple(of_split) for split, of_split in shards.items()}),
        statistics=moments.statistics(),
        bad_images=tuple(bad),
        upright=plan["upright"],
    )
    atomic_files.write_json(output / MANIFEST, dataclasses.asdict(values))


def _sums_before_0_2(notes: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Return the `Moments.sums` from notes of version 0.1.0, which had a sum for each pixel of the mean image."""
    colors = notes["total"].reshape(-1, 3).sum(axis=0, dtype=np.int64)
    sums = np.empty((4, 4), np.int64)
    sums[:3, :3], sums[:3, 3], sums[3, :3], sums[3, 3] = notes["products"], colors, colors, notes["count"] * size**2
    return sums
