"""Speed, as ratios of things that alternate in one run: a machine's own speed drifts, and its drift hits all alike."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alexnet_keras.system.progress import Progress

Work = Callable[[], int]  # does a piece of work, and returns how many items it has done


@dataclass(frozen=True)
class Rate:
    """Items a second: the median over the rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Rate":
        """The same in another unit."""
        return Rate(self.median * factor, self.low * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.median:,.1f}  ({self.low:,.1f} to {self.high:,.1f})"


def alternate(subjects: Mapping[str, Work], rounds: int, label: str) -> dict[str, Rate]:
    """Measure several things in turn, round after round.

    Args:
        subjects: name -> work, which has been warmed up and blocks until it is done.
        rounds: how often each is measured.
        label: of the line of progress.

    Returns:
        Name -> rate.
    """
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    with Progress(label, rounds * len(subjects), unit="measurements") as progress:
        for _ in range(rounds):
            for name, work in subjects.items():
                gc.collect()  # the last subject's garbage is not this one's cost
                start = time.perf_counter()
                items = work()
                rates[name].append(items / (time.perf_counter() - start))
                progress.advance(1, name)
    return {name: Rate(statistics.median(values), min(values), max(values)) for name, values in rates.items()}
