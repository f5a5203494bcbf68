"""`data prepare`: every picture of a data set decoded, resized and stored once, in shards that are read fast.

A shard is the unit of work: it appears whole or not at all, and one that is there is not made again. So `prepare` may
be killed at any moment and called again. Every shard is a function of its pictures alone; the bytes are the same
whatever the number of threads.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import json
import math
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras import images, runs, shards
from alexnet_keras.config import InputError, OptionError
from alexnet_keras.moments import Moments
from alexnet_keras.progress import Progress
from alexnet_keras.splits import DataSet, Example, Picture, Stream

QUALITY = 95  # of JPEG, with halved colour resolution
IMAGES_PER_SHARD = 4096  # 110 MB of JPEGs or 805 MB raw; some seconds of work that a kill can cost
MAX_SHARDS = 512  # of a split: each is an open file, of which systems allow 1,024
WORK = ".work"  # a folder that lasts until all shards are finished: the plan, and sums for the statistics
SAMPLE = 256  # pictures from which --dry-run estimates


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are stored.

    Attributes:
        size: side in pixels, 32 to 1024.
        encoding: `"jpeg"` or `"raw"`.
        jobs: pictures that are worked on at once.
        skip_bad: whether to go on without pictures that cannot be read.
    """

    size: int = 256
    encoding: str = "jpeg"
    jobs: int = 1
    skip_bad: bool = False

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise OptionError(f"--size must be 32 to 1024 pixels, got {self.size}.")
        if self.encoding not in shards.ENCODINGS:
            raise OptionError(f"--encoding must be one of {', '.join(shards.ENCODINGS)}, got {self.encoding!r}.")
        if self.jobs < 1:
            raise OptionError(f"--jobs must be at least 1, got {self.jobs}.")


@dataclass(frozen=True)
class Prepared:
    """What `prepare` has made.

    Attributes:
        path: the folder.
        images: pictures of each split.
        shards: number of shards; `resumed_shards` of them were there before.
        bytes: of all pictures as stored.
        seconds: of this call.
        images_per_second: pictures that this call stored, by the time it took to store them; 0 if there were none.
        bad: name and reason of each picture that was left out.
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


@dataclass(frozen=True)
class Estimate:
    """What `prepare` would make, from a sample.

    Attributes:
        images: pictures of each split.
        sample: pictures that were looked at.
        bytes_per_image, images_per_second: of the sample.
        bytes, seconds: of the whole.
        free_bytes: on the disk of the output.
        bad: name and reason of each picture of the sample that cannot be read.
    """

    images: dict[str, int]
    sample: int
    bytes_per_image: float
    images_per_second: float
    bytes: int
    seconds: float
    free_bytes: int
    bad: list[dict[str, str]]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class _Stored:
    """A picture as it is to be stored, or why it cannot be."""

    example: Example
    record: bytes = b""
    pixels: np.ndarray | None = None
    products: np.ndarray | None = None
    reason: str | None = None


def prepare(dataset: DataSet, output: Path, settings: Settings) -> Prepared:
    """Write a data set's pictures into shards, or go on where an earlier call was stopped.

    Args:
        dataset: any data set.
        output: a folder that does not exist, is empty, or holds what an earlier call with the same data and settings
            left.
        settings: how to store the pictures.

    Raises:
        InputError: `output` holds something else or cannot be written; the disk is full; a picture cannot be read, and
            bad ones are not to be skipped (all of its shard are listed on standard error); a shard is damaged.
    """
    start = time.monotonic()
    try:
        with _only_one(output):
            return _prepare(dataset, output, settings, start)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written ({error.strerror or error}); finished shards are kept, "
            "so the same command goes on from there once this is mended."
        ) from error


def _prepare(dataset: DataSet, output: Path, settings: Settings, start: float) -> Prepared:
    finished = shards.is_prepared(output)
    streams = {split: dataset.stream(split) for split in shards.SPLITS}
    plan = _plan(dataset, streams, settings)
    _claim(output, plan)
    jobs = [job for split, stream in streams.items() for job in _jobs(split, stream.count)]
    missing = [job for job in jobs if not _is_done(output, job, settings.skip_bad)]
    if missing and finished:
        (output / shards.MANIFEST).unlink()
        finished = False
    if settings.encoding == "raw":
        _check_space(output, sum(job.stop - job.start for job in missing) * settings.size**2 * 3)
    stored, begun = 0, time.monotonic()
    for split in shards.SPLITS:
        of_split = [job for job in missing if job.split == split]
        with Progress(f"Preparing {split}", sum(job.stop - job.start for job in of_split)) as progress:
            for job in of_split:
                stored += _make_shard(dataset, streams[split], output, job, settings, progress)
    seconds = time.monotonic() - begun
    if not finished:
        _finish(dataset, output, plan, jobs)
    values = shards.manifest(output)
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


def estimate(dataset: DataSet, output: Path, settings: Settings) -> Estimate:
    """Time and bytes that `prepare` would take, from evenly spaced pictures. Writes nothing."""
    streams = {split: dataset.stream(split) for split in shards.SPLITS}
    total = sum(stream.count for stream in streams.values())
    size, seconds, kept, looked_at, bad = 0, 0.0, 0, 0, []
    for split, stream in streams.items():
        share = min(stream.count, max(1, round(SAMPLE * stream.count / total)))
        places = np.unique(np.linspace(0, stream.count - 1, share).astype(int)).tolist()
        examples = list(itertools.chain.from_iterable(stream.examples(place, place + 1) for place in places))
        with Progress(f"Sampling {split}", len(examples)) as progress:
            list(_store(iter(examples[:1]), settings))  # traces the function, which the whole does once
            begun = time.monotonic()
            for stored in _store(iter(examples), settings):
                looked_at += 1
                if stored.reason is not None:
                    bad.append({"picture": stored.example.name, "reason": stored.reason})
                else:
                    kept += 1
                    size += len(stored.record)
                progress.advance(1)
            seconds += time.monotonic() - begun
    if not kept:
        raise InputError(f"No picture of the sample of {dataset.name} can be read; see 'alexnet-keras data check'.")
    return Estimate(
        {split: stream.count for split, stream in streams.items()},
        looked_at,
        size / kept,
        looked_at / seconds,
        round(size / kept * total),
        seconds / looked_at * total,
        shutil.disk_usage(_existing(output)).free,
        bad,
    )


def verify(folder: Path, values: dict[str, Any]) -> None:
    """Compare counts and checksums of everything in a prepared folder with what was written.

    Raises:
        InputError: a file is missing or damaged; the message names it.
    """
    total = sum(entry["images"] for entries in values["splits"].values() for entry in entries)
    with Progress("Verifying shards", total) as progress:
        for entries in values["splits"].values():
            reader = shards.Reader(folder, entries, values["size"], values["encoding"])
            names = shards.Sources(folder, reader)
            for number, entry in enumerate(entries):
                if reader.starts[number + 1] - reader.starts[number] != entry["images"]:
                    raise InputError(f"{folder / entry['name']} does not hold {entry['images']} pictures; remove it.")
                if entry["images"]:
                    _ = names[reader.starts[number]]
                for _ in reader.verify(number):
                    progress.advance(1)


@contextlib.contextmanager
def _only_one(output: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends in whatever way."""
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Another process is preparing {output}; wait for it, or choose another --output."
            ) from error
        yield


def _plan(dataset: DataSet, streams: dict[str, Stream], settings: Settings) -> dict[str, Any]:
    """What decides the bytes of every shard. Another plan must not go on in the same folder."""
    classes = hashlib.sha256("\n".join(dataset.class_names).encode("utf-8", "surrogateescape")).hexdigest()
    return {
        "format": shards.FORMAT,
        "name": dataset.name,
        "size": settings.size,
        "encoding": settings.encoding,
        "quality": QUALITY if settings.encoding == "jpeg" else None,
        "classes": classes,
        "images": {split: stream.count for split, stream in streams.items()},
    }


def _claim(output: Path, plan: dict[str, Any]) -> None:
    file = output / WORK / "plan.json"
    if file.is_file():
        before = runs.read_json(file)
    elif shards.is_prepared(output):
        before = shards.manifest(output)["plan"]
    else:
        strange = [path.name for path in output.iterdir() if path.name not in (".lock", WORK)]
        if strange:
            raise InputError(
                f"{output} holds {strange[0]!r}; --output must be a new or empty folder, or unfinished shards."
            )
        runs.write_json(file, plan)
        before = plan
    different = [key for key in plan if before.get(key) != plan[key]]
    if different:
        key = different[0]
        raise InputError(
            f"{output} holds shards of other data or settings ({key} {before.get(key)!r}, now {plan[key]!r}); "
            "choose another --output, or remove it."
        )
    for path in [*output.glob(".partial-*"), *(output / WORK).glob(".partial-*")]:  # of a call that was killed
        path.unlink()


@dataclass(frozen=True)
class _Job:
    """One shard: its name, and the places of its pictures in the split."""

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
    """Bad pictures and sums of a shard, until all shards are finished."""
    return output / WORK / f"{job.shard}.npz"


def _is_done(output: Path, job: _Job, skip_bad: bool) -> bool:
    if not (output / shards.index_file(job.shard)).is_file():
        return False
    if shards.is_prepared(output):
        bad = [entry for entry in shards.manifest(output)["bad_pictures"] if entry["shard"] == job.shard]
    else:
        bad = json.loads(str(np.load(_notes(output, job))["bad"]))
    return skip_bad or not bad


def _check_space(output: Path, needed: int) -> None:
    free = shutil.disk_usage(output).free
    if needed > free:
        raise InputError(
            f"{output} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed; "
            "choose another --output, or --encoding jpeg, which takes about an eighth."
        )


def _make_shard(
    dataset: DataSet, stream: Stream, output: Path, job: _Job, settings: Settings, progress: Progress
) -> int:
    """Write one shard; returns the number of its pictures."""
    moments, bad = Moments(settings.size), []
    with shards.ShardWriter(output, job.shard, settings.size, settings.encoding) as writer:
        for stored in _store(stream.examples(job.start, job.stop), settings):
            example = stored.example
            if not 0 <= example.label < len(dataset.class_names):
                raise dataset.label_error(example.name, example.label)
            if stored.reason is not None:
                bad.append({"shard": job.shard, "picture": example.name, "reason": stored.reason})
                progress.close()
                print(f"{example.name} {stored.reason}", file=sys.stderr)
            else:
                assert stored.pixels is not None
                writer.add(example.name, example.label, stored.record)
                if job.split == "train":
                    moments.add(stored.pixels, stored.products)
            progress.advance(1)
        if bad and not settings.skip_bad:
            raise InputError(
                f"{len(bad)} of {job.stop - job.start:,} pictures for {job.split} cannot be used, the first of them "
                f"{bad[0]['picture']}, which {bad[0]['reason']}; replace or remove them, or go on without such "
                "pictures by --on-error skip."
            )
        with runs.appear_whole(_notes(output, job)) as partial, partial.open("wb") as file:
            np.savez(
                file,
                count=moments.count,
                total=moments.total,
                products=moments.products,
                bad=json.dumps(bad),
            )
    return len(writer.index)


def _store(examples: Iterator[Example], settings: Settings) -> Iterator[_Stored]:
    """Read, decode, resize and encode pictures in threads, and yield them in their order."""
    work = _worker(settings)
    waiting: deque[Future[_Stored]] = deque()
    with ThreadPoolExecutor(settings.jobs) as pool:
        try:
            for example in examples:
                waiting.append(pool.submit(work, example))
                if len(waiting) >= 2 * settings.jobs:  # enough to keep the threads busy, and few pictures in memory
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _worker(settings: Settings) -> Callable[[Example], _Stored]:
    size = settings.size

    def finish(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        square = images.resize_and_crop(image, size)
        record = tf.io.encode_jpeg(square, quality=QUALITY) if settings.encoding == "jpeg" else tf.constant("")
        pixels = tf.reshape(tf.cast(square, tf.float64), (-1, 3))
        return square, record, tf.matmul(pixels, pixels, transpose_a=True)

    @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
    def from_encoded(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return finish(images.decode(encoded))

    from_pixels = tf.function(finish, input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])

    def work(example: Example) -> _Stored:
        try:
            picture: Picture = example.read()
        except OSError as error:
            return _Stored(example, reason=f"cannot be read from the disk ({error.strerror})")
        except tf.errors.OpError:
            return _Stored(example, reason="cannot be read from the disk")
        try:
            encoded = isinstance(picture, bytes)
            square, record, products = from_encoded(picture) if encoded else from_pixels(picture)
        except tf.errors.InvalidArgumentError:
            assert isinstance(picture, bytes)
            return _Stored(example, reason=images.why_refused(picture))
        pixels = square.numpy()
        stored = record.numpy() if settings.encoding == "jpeg" else pixels.tobytes()
        return _Stored(example, stored, pixels, products.numpy())

    return work


def _finish(dataset: DataSet, output: Path, plan: dict[str, Any], jobs: list[_Job]) -> None:
    """Write statistics and dataset.json, which makes a prepared data set of a folder of shards."""
    moments, bad = Moments(plan["size"]), []
    for job in jobs:
        with np.load(_notes(output, job)) as notes:
            bad += json.loads(str(notes["bad"]))
            part = Moments(plan["size"])
            part.count, part.total, part.products = int(notes["count"]), notes["total"], notes["products"]
            moments.merge(part)
    entries: dict[str, list[dict[str, Any]]] = {split: [] for split in shards.SPLITS}
    for job in jobs:
        entries[job.split].append(shards.describe(output, job.shard))
    for split, of_split in entries.items():
        if not sum(entry["images"] for entry in of_split):
            raise InputError(f"No picture for {split} of {dataset.name} can be read.")
    with runs.appear_whole(output / shards.MEAN_IMAGE) as partial:
        np.save(partial, moments.mean_image())
    runs.write_json(
        output / shards.MANIFEST,
        {
            "format": shards.FORMAT,
            "name": dataset.name,
            "size": plan["size"],
            "encoding": plan["encoding"],
            "class_names": dataset.class_names,
            "splits": entries,
            "statistics": moments.statistics().to_dict(),
            "bad_pictures": bad,
            "plan": plan,
        },
    )
    shutil.rmtree(output / WORK)


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.absolute().parents) if parent.exists())
