"""Schedules of the learning rate, as data."""

from dataclasses import dataclass
from typing import ClassVar

from alexnet_keras.system.errors import check


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """A learning rate that rises linearly from 0 and then falls to 0 along half a period of a cosine.

    Attributes:
        warmup_epochs: number of epochs in which the learning rate rises, limited to a quarter of the run.
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
        threshold: smallest decrease of the top-1 error that counts as an improvement; 0.001 is 0.1 percentage points.
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
    """A learning rate that is divided at given epochs.

    Attributes:
        boundaries: increasing numbers of epochs; 25 lowers the learning rate from the 26th epoch on.
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
    """A learning rate that falls linearly to 0, which Caffe calls `poly` with a power of 1."""

    name: ClassVar[str] = "linear"


Schedule = Cosine | Plateau | Steps | Linear


@dataclass(frozen=True, kw_only=True)
class LayerRate:
    """The learning rate of one layer from a given epoch on, instead of the schedule's.

    Attributes:
        epoch: number of epochs after which `rate` applies.
        layer: the name of the layer, without a tower.
        rate: the learning rate of its weights; 0 freezes the layer with its biases.
    """

    epoch: float
    layer: str
    rate: float

    def __post_init__(self) -> None:
        check(self.epoch >= 0, f"`layer_rates` must name epochs that are not negative, got {self.epoch}.")
        check(self.rate >= 0, f"`layer_rates` must not be negative, got {self.rate} for {self.layer}.")
