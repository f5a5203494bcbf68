"""Whether means of several seeds differ by more than chance."""

import math
import statistics
from collections.abc import Sequence

SIGNIFICANCE = 0.05
TEST = (
    "a difference is larger than chance if p is below 0.05 in a two-sided t-test with the variance of all rows pooled; "
    "p is multiplied by the number of comparisons (Bonferroni)"
)


def differences(groups: Sequence[Sequence[float]]) -> list[tuple[float, float | None]]:
    """Compare the mean of each group but the first with that of the first.

    Returns:
        The difference, and its p-value times the number of comparisons, at most 1; `None` if no row has two seeds.
    """
    first, *others = groups
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((len(group) - 1) * statistics.variance(group) for group in groups if len(group) > 1)
    found: list[tuple[float, float | None]] = []
    for group in others:
        difference = statistics.fmean(group) - statistics.fmean(first)
        probability = None
        if freedom:
            error = math.sqrt(squares / freedom * (1 / len(first) + 1 / len(group)))
            ratio = abs(difference) / error if error else math.inf if difference else 0.0
            probability = min(1.0, two_sided(ratio, freedom) * len(others))
        found.append((difference, probability))
    return found


def two_sided(t: float, freedom: int) -> float:
    """Return the probability that the absolute value of Student's t exceeds `t`.

    The sums are those of Abramowitz and Stegun, 26.7.3 and 26.7.4, for whole degrees of freedom.
    """
    angle = math.atan(t / math.sqrt(freedom))
    square, odd = math.cos(angle) ** 2, freedom % 2
    term = total = math.cos(angle) if odd else 1.0
    for index in range(2 + odd, freedom, 2):
        term *= square * (index - 1) / index
        total += term
    total = 0.0 if freedom == 1 else math.sin(angle) * total
    inside = 2 / math.pi * (angle + total) if odd else total
    return max(0.0, 1 - inside)
