"""Schedules of the learning rate, as data."""

from dataclasses import dataclass
from typing import ClassVar

from alexnet_keras.system.errors import check


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """A linear warm-up from 0, then half a cosine down to 0.

    Attributes:
        warmup_epochs: epochs of warm-up, limited to a quarter of the run.
    """

    name: ClassVar[str] = "cosine"
    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        check(self.warmup_epochs >= 0, f"`warmup_epochs` must not be negative, got {self.warmup_epochs}.")


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """The schedule of the paper (section 5): divide the learning rate when the validation error stops improving.

    The authors decided by hand when the error had stopped improving; patience and threshold replace their judgement.

    Attributes:
        divide_by: the divisor.
        reductions: the number of divisions. When the error stops improving after the last one, training stops.
        patience: epochs without improvement after which the learning rate is divided.
        threshold: decrease of the top-1 error, a fraction, that counts as an improvement.
    """

    name: ClassVar[str] = "plateau"
    divide_by: float = 10.0
    reductions: int = 3
    patience: int = 5
    threshold: float = 0.001

    def __post_init__(self) -> None:
        check(self.divide_by > 1, f"`divide_by` must be larger than 1, got {self.divide_by}.")
        check(self.reductions >= 0, f"`reductions` must not be negative, got {self.reductions}.")
        check(self.patience >= 1, f"`patience` must be at least 1, got {self.patience}.")
        check(0 <= self.threshold < 1, f"`threshold` must be in [0, 1), got {self.threshold}.")


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Division at given epochs.

    Attributes:
        boundaries: increasing epochs; 25 divides before the first step after 25 epochs.
        divide_by: the divisor at each boundary.
    """

    name: ClassVar[str] = "steps"
    boundaries: tuple[float, ...]
    divide_by: float = 10.0

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False))
        check(
            rising and all(boundary > 0 for boundary in self.boundaries),
            f"`boundaries` must be increasing numbers of epochs, got {self.boundaries}.",
        )
        check(self.divide_by > 1, f"`divide_by` must be larger than 1, got {self.divide_by}.")


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A straight line down to 0, which Caffe calls `poly` with a power of 1."""

    name: ClassVar[str] = "linear"


Schedule = Cosine | Plateau | Steps | Linear


@dataclass(frozen=True, kw_only=True)
class LayerRate:
    """A layer whose weights leave the schedule at an epoch.

    Attributes:
        epoch: the number of epochs before it; 67 means after 67 epochs.
        layer: the name of the layer, without a tower.
        rate: the learning rate of the weights from then on; 0 freezes the layer, biases included.
    """

    epoch: float
    layer: str
    rate: float

    def __post_init__(self) -> None:
        check(self.epoch >= 0, f"`layer_rates` must name epochs that are not negative, got {self.epoch}.")
        check(self.rate >= 0, f"`layer_rates` must not be negative, got {self.rate} for {self.layer}.")
