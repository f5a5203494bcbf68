"""Measurements of speed that `alexnet-keras benchmark` prints.

A machine's speed drifts. A subject and its reference therefore alternate, so that the drift affects both, and results
are ratios of medians.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alexnet_keras.system.progress import Progress

Work = Callable[[], int]  # processes some items and returns their number


@dataclass(frozen=True)
class Rate:
    """Items per second: the median, the lowest and the highest of several measurements."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Rate":
        return Rate(self.median * factor, self.low * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.median:,.1f} ({self.low:,.1f} to {self.high:,.1f})"


def alternate(subjects: Mapping[str, Work], rounds: int, label: str) -> dict[str, Rate]:
    """Measure several subjects in turn, round after round.

    Args:
        subjects: name -> work. The work is warmed up and returns when it is finished.
    """
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    with Progress(label, rounds * len(subjects), unit="measurements") as progress:
        for _ in range(rounds):
            for name, work in subjects.items():
                gc.collect()  # so that no subject pays for the garbage of the previous one
                start = time.perf_counter()
                items = work()
                rates[name].append(items / (time.perf_counter() - start))
                progress.advance(1, name)
    return {name: Rate(statistics.median(values), min(values), max(values)) for name, values in rates.items()}


def summarize_rates(result: Any) -> dict[str, Any]:
    """Return the attributes of a result for JSON: each rate as its median, with its range under `spread`."""
    rates = {name: value for name, value in vars(result).items() if isinstance(value, Rate)}
    return {
        **vars(result),
        **{name: round(rate.median, 2) for name, rate in rates.items()},
        "spread": {name: [round(rate.low, 2), round(rate.high, 2)] for name, rate in rates.items()},
    }
