"""Latency and throughput of model files, against the bandwidth of the memory."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from alexnet_keras.benchmark import Rate, Work, alternate
from alexnet_keras.inference.predictor import Predictor, bytes_of, load_predictor
from alexnet_keras.model import archive
from alexnet_keras.system.hardware import describe

READ_BYTES = 2**30  # array that shows the bandwidth of the memory, many times larger than the caches
CALLS = {1: 20, 32: 2}  # images in a call -> calls in a measurement


@dataclass(frozen=True)
class ModelSpeed:
    """Speed of one model.

    Attributes:
        single: images per second with one image in a call.
        batched: images per second with 32 images in a call.
        fraction_of_bandwidth: bytes of the model times calls per second, with one image in a call, in relation to
            the bandwidth of the memory. A call reads all weights, and weights are most of the file. `None` for an
            archive, whose weights are larger in memory than in the file.
    """

    model: str
    bytes: int
    single: Rate
    batched: Rate
    fraction_of_bandwidth: float | None

    @property
    def milliseconds(self) -> Rate:
        return Rate(1000 / self.single.median, 1000 / self.single.high, 1000 / self.single.low)

    def to_dict(self) -> dict[str, Any]:
        rates = {"milliseconds": self.milliseconds, "images_per_second": self.batched}
        return {
            "model": self.model,
            "bytes": self.bytes,
            **{name: round(rate.median, 3) for name, rate in rates.items()},
            "fraction_of_bandwidth": self.fraction_of_bandwidth and round(self.fraction_of_bandwidth, 3),
            "spread": {name: [round(rate.low, 3), round(rate.high, 3)] for name, rate in rates.items()},
        }


@dataclass(frozen=True)
class InferenceBenchmark:
    """Result of `measure`.

    Attributes:
        read_bandwidth: bytes per second that all cores together read from memory.
    """

    models: tuple[ModelSpeed, ...]
    read_bandwidth: Rate
    hardware: str

    def to_dict(self) -> dict[str, Any]:
        read = self.read_bandwidth.scaled(1e-9)
        return {
            "models": [model.to_dict() for model in self.models],
            "read_gigabytes_per_second": round(read.median, 2),
            "spread": {"read_gigabytes_per_second": [round(read.low, 2), round(read.high, 2)]},
            "hardware": self.hardware,
        }


def measure(models: Sequence[Path], rounds: int, allow_all_operations: bool) -> InferenceBenchmark:
    """Measure models in turn, with 1 and with 32 images in a call, on random images in memory."""
    predictors = {path: load_predictor(path, allow_all_operations) for path in models}
    subjects = {
        f"{path} {count}": _calls(predictor, count) for path, predictor in predictors.items() for count in CALLS
    }
    rates = alternate({**subjects, "memory": _reads()}, rounds, "Measuring inference")
    bandwidth = rates["memory"]
    speeds = []
    for path in models:
        single, size = rates[f"{path} 1"], bytes_of(path)
        fraction = None if path.suffix == archive.SUFFIX else size * single.median / bandwidth.median
        speeds.append(ModelSpeed(str(path), size, single, rates[f"{path} 32"], fraction))
    return InferenceBenchmark(tuple(speeds), bandwidth, describe())


def _calls(predictor: Predictor, count: int) -> Work:
    shape = (count, predictor.input_size, predictor.input_size, 3)
    images = np.random.RandomState(0).randint(0, 256, shape, np.uint8)

    def work() -> int:
        for _ in range(CALLS[count]):
            predictor.predict(images)
        return CALLS[count] * count

    work()  # the first call also compiles and allocates
    return work


def _reads() -> Work:
    """Return work that reads an array once, with a thread for each core. A maximum needs almost no arithmetic."""
    threads = psutil.cpu_count() or 1
    parts = np.array_split(np.ones(READ_BYTES // 4, np.float32), threads)  # pages of zeros would share one memory page
    pool = ThreadPoolExecutor(threads)

    def work() -> int:
        list(pool.map(np.max, parts))
        return READ_BYTES

    work()
    return work
