"""`data prepare --dry-run`: what preparing a data set would take, from a sample."""

import dataclasses
import itertools
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.data.dataset import DataSet
from alexnet_keras.data.shards import SPLITS
from alexnet_keras.data.shards.convert import Settings, store
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress

SAMPLE = 512  # pictures; with sizes that differ by half, the mean of so many is right within 0.5 / sqrt(512) = 2%
RUNS = 16  # of neighbours, evenly spread: classes lie one behind the other, and differ


@dataclass(frozen=True)
class Estimate:
    """What `prepare` would make, from a sample.

    Attributes:
        images: pictures of each split.
        sample: pictures that were looked at.
        bytes_per_image, images_per_second: of the sample.
        bytes, seconds: of the whole.
        free_bytes: on the disk of the output.
        bad: name and reason of each picture of the sample that cannot be used.
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


def estimate(dataset: DataSet, output: Path, settings: Settings) -> Estimate:
    """Time and bytes that `prepare` would take. Writes nothing.

    Raises:
        InputError: no picture of the sample can be used.
    """
    streams = {split: dataset.stream(split) for split in SPLITS}
    total = sum(stream.count for stream in streams.values())
    size, seconds, timed, kept, looked_at, bad = 0, 0.0, 0, 0, 0, []
    with Progress("Sampling", min(SAMPLE, total)) as progress:
        for stream in streams.values():
            length = max(1, round(SAMPLE * stream.count / total / RUNS))
            starts = np.unique(np.linspace(0, max(0, stream.count - length), RUNS).astype(int)).tolist()
            for start, following in itertools.pairwise([*starts, stream.count]):
                begun = 0.0
                for stored in store(stream, start, min(start + length, following), settings):
                    now = time.monotonic()
                    if begun:  # the first of a run pays for the pipeline's start
                        seconds, timed = seconds + now - begun, timed + 1
                    begun = now
                    looked_at += 1
                    if stored.reason is None:
                        kept, size = kept + 1, size + len(stored.record)
                    else:
                        bad.append({"picture": stored.name, "reason": stored.reason})
                    progress.advance(1)
    if not kept:
        raise InputError(f"No picture of a sample of {looked_at} from {dataset.name} can be used.")
    per_second = timed / max(seconds, 1e-9)
    existing = next(path for path in (output, *output.absolute().parents) if path.exists())
    return Estimate(
        {split: stream.count for split, stream in streams.items()},
        looked_at,
        size / kept,
        per_second,
        round(size / kept * total),
        total / per_second,
        shutil.disk_usage(existing).free,
        bad,
    )
