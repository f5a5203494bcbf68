"""Decode, resize and store every image of a data set once, in shards that training reads fast.

A shard is written completely or not at all, and a finished shard is not written again, so `prepare` can be killed at
any moment and called again. The bytes of a shard depend on its images alone, not on the number of threads.
"""

import dataclasses
import json
import math
import shutil
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from alexnet_keras.data.color_statistics import Moments
from alexnet_keras.data.dataset import DataSet, Stream
from alexnet_keras.data.shards import (
    FORMAT,
    MANIFEST,
    PLAN,
    SPLITS,
    Reader,
    ShardWriter,
    Sources,
    describe,
    images_file,
    index_file,
    is_prepared,
    manifest,
    sources_file,
)
from alexnet_keras.data.shards.convert import QUALITY, Settings, store
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.lock import LOCK, lock_folder
from alexnet_keras.system.progress import Progress, stage

IMAGES_PER_SHARD = 4096  # 110 MB of JPEGs or 805 MB raw; some seconds of work that a kill can cost
MAX_SHARDS = 512  # of a split: each is an open file, of which systems allow 1,024


@dataclass(frozen=True)
class Prepared:
    """The result of `prepare`.

    Attributes:
        path: the folder.
        images: number of images of each split.
        shards: number of shards.
        resumed_shards: number of shards that an earlier call had written.
        bytes: size of all stored images.
        seconds: duration of this call.
        images_per_second: number of images that this call stored, divided by the time it took; 0 if it stored none.
        bad: name and reason of each image that was left out.
    """

    path: str
    images: dict[str, int]
    shards: int
    resumed_shards: int
    bytes: int
    seconds: float
    images_per_second: float
    bad: list[dict[str, str]]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def prepare(dataset: DataSet, output: Path, settings: Settings) -> Prepared:
    """Write the images of a data set into shards, or resume an earlier call that was stopped.

    Args:
        dataset: any data set.
        output: a folder that does not exist, is empty, or holds the shards of an earlier call with the same data and
            settings.
        settings: how to store the images.

    Raises:
        InputError: `output` holds something else or cannot be written; the disk is full; a shard is damaged; or an
            image cannot be used and `settings.on_error` is `"stop"`. All such images of a shard are printed on standard
            error first.
    """
    start = time.monotonic()
    try:
        output.mkdir(parents=True, exist_ok=True)
        busy = f"Another process is preparing {output}; wait for it, or choose another `output`."
        with lock_folder(output, busy):
            return _prepare(dataset, output, settings, start)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written ({error.strerror or error}). Finished shards are kept; fix the problem, and "
            "call the same 'data prepare' again to resume."
        ) from error


def _prepare(dataset: DataSet, output: Path, settings: Settings, start: float) -> Prepared:
    finished = is_prepared(output)
    streams = {split: dataset.stream(split) for split in SPLITS}
    with stage("Listing the images"):  # 3 s for ImageNet's 1.3 million
        plan = _plan(dataset, streams, settings)
    _claim(output, plan)
    jobs = [job for split, stream in streams.items() for job in _jobs(split, stream.count)]
    missing = [job for job in jobs if not _is_done(output, job, settings.on_error == "skip")]
    if finished and missing:
        (output / MANIFEST).unlink()
        finished = False
    if settings.encoding == "raw":
        _check_space(output, sum(job.stop - job.start for job in missing) * settings.size**2 * 3)
    stored, begun = 0, time.monotonic()
    for split in SPLITS:
        of_split = [job for job in missing if job.split == split]
        with Progress(f"Preparing {split}", sum(job.stop - job.start for job in of_split)) as progress:
            for job in of_split:
                stored += _make_shard(dataset, streams[split], output, job, settings, progress)
    seconds = time.monotonic() - begun
    if not finished:
        _finish(dataset, output, plan, jobs)
    values = manifest(output)
    verify(output, values)
    entries = [entry for split in values["splits"].values() for entry in split]
    return Prepared(
        str(output),
        {split: sum(entry["images"] for entry in of_split) for split, of_split in values["splits"].items()},
        len(jobs),
        len(jobs) - len(missing),
        sum(entry["bytes"] for entry in entries),
        time.monotonic() - start,
        stored / seconds if stored else 0.0,
        values["bad_pictures"],
    )


def verify(folder: Path, values: dict[str, Any]) -> None:
    """Compare counts and checksums of everything in a prepared folder with what was written.

    Raises:
        InputError: a file is missing or damaged; the message names it.
    """
    total = sum(entry["images"] for entries in values["splits"].values() for entry in entries)
    with Progress("Verifying shards", total) as progress:
        for entries in values["splits"].values():
            reader = Reader(folder, entries, values["size"], values["encoding"])
            names = Sources(folder, reader)
            for number, entry in enumerate(entries):
                if reader.starts[number + 1] - reader.starts[number] != entry["images"]:
                    raise InputError(f"{folder / entry['name']} does not hold {entry['images']} images; remove it.")
                if entry["images"]:
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


def _claim(output: Path, plan: dict[str, Any]) -> None:
    file = output / PLAN
    if not file.is_file():
        strange = [path.name for path in output.iterdir() if path.name != LOCK]
        if strange:
            raise InputError(
                f"{output} holds {strange[0]!r}; `output` must be a new or empty folder, or hold its shards."
            )
        atomic_files.write_json(file, plan)
    before = read_json(file)
    for key in plan:
        if before.get(key) != plan[key]:
            raise InputError(
                f"{output} holds shards of other data or settings ({key} {before.get(key)!r}, now {plan[key]!r}); "
                "choose another `output`, or remove the folder."
            )


@dataclass(frozen=True)
class _Job:
    """One shard: its name, and the range of indices of its images in the split."""

    split: str
    shard: str
    start: int
    stop: int


def _jobs(split: str, count: int) -> list[_Job]:
    step = max(IMAGES_PER_SHARD, math.ceil(count / MAX_SHARDS))
    return [
        _Job(split, f"{split}-{number:05}", start, min(start + step, count))
        for number, start in enumerate(range(0, count, step))
    ]


def _notes(output: Path, job: _Job) -> Path:
    """Return the file of a shard's notes: the sums of its colors, and the images that could not be used."""
    return output / f"{job.shard}.notes.npz"


def _is_done(output: Path, job: _Job, skip_bad: bool) -> bool:
    parts = (images_file, sources_file, index_file)
    if not all((output / part(job.shard)).is_file() for part in parts):
        return False
    try:
        with np.load(_notes(output, job)) as notes:
            return skip_bad or not json.loads(str(notes["bad"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False  # damaged, so it is made again


def _check_space(output: Path, needed: int) -> None:
    free = shutil.disk_usage(output).free
    if needed > free:
        raise InputError(
            f"{output} has {free / 1e6:,.1f} MB free and {needed / 1e6:,.1f} MB are needed; "
            'choose another `output`, or `encoding="jpeg"`, which needs about an eighth.'
        )


def _make_shard(
    dataset: DataSet, stream: Stream, output: Path, job: _Job, settings: Settings, progress: Progress
) -> int:
    """Write one shard, and return the number of its images."""
    moments, bad = Moments(), []
    with ShardWriter(output, job.shard, settings.size, settings.encoding) as writer:
        for stored in store(stream, job.start, job.stop, settings):
            if stored.reason is not None:
                bad.append({"shard": job.shard, "picture": stored.name, "reason": stored.reason})
                progress.close()
                print(f"{stored.name} {stored.reason}", file=sys.stderr)
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
                f"{bad[0]['picture']}, which {bad[0]['reason']}; replace or remove them, or leave such images "
                'out by `on_error="skip"`.'
            )
        with atomic_files.appear_whole(_notes(output, job)) as partial, partial.open("wb") as file:
            np.savez(file, sums=moments.sums, bad=json.dumps(bad))
    return len(writer.index)


def _finish(dataset: DataSet, output: Path, plan: dict[str, Any], jobs: list[_Job]) -> None:
    """Write statistics and dataset.json, which makes a prepared data set of a folder of shards."""
    moments, bad = Moments(), []
    for job in jobs:
        with np.load(_notes(output, job)) as notes:
            bad += json.loads(str(notes["bad"]))
            moments.add(notes["sums"] if "sums" in notes else _sums_before_0_2(notes, plan["size"]))
    entries: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for job in jobs:
        entry = describe(output, job.shard)
        missing = job.stop - job.start - entry["images"] - sum(each["shard"] == job.shard for each in bad)
        if missing:
            raise InputError(
                f"{output / job.shard} lacks {missing} of {job.stop - job.start} images; remove {job.shard}.* and "
                "call the same 'data prepare' again."
            )
        entries[job.split].append(entry)
    for split, of_split in entries.items():
        if not sum(entry["images"] for entry in of_split):
            raise InputError(
                f"No image for {split} of {dataset.name} can be read; 'data check' names the reasons of each."
            )
    atomic_files.write_json(
        output / MANIFEST,
        {
            "format": FORMAT,
            "name": dataset.name,
            "size": plan["size"],
            "encoding": plan["encoding"],
            "class_names": dataset.class_names,
            "splits": entries,
            "statistics": moments.statistics().to_dict(),
            "bad_pictures": bad,
        },
    )


def _sums_before_0_2(notes: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Return the `Moments.sums` from notes of version 0.1.0, which had a sum for each pixel of the mean image."""
    colors = notes["total"].reshape(-1, 3).sum(axis=0, dtype=np.int64)
    sums = np.empty((4, 4), np.int64)
    sums[:3, :3], sums[:3, 3], sums[3, :3], sums[3, 3] = notes["products"], colors, colors, notes["count"] * size**2
    return sums
