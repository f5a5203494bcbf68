"""Schedules of the learning rate, as data; `meaning` says what the learning rate does.

If `ends_with_run` is true, every learning rate depends on the number of epochs, so a run cannot get more of them later.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from alexnet_keras.config.layer_names import LAYERS
from alexnet_keras.config.ranges import (
    MOST_CHANGES,
    Count,
    Divisor,
    Epoch,
    Factor,
    Fraction,
    OneOf,
    Range,
    check_fields,
)
from alexnet_keras.system.errors import check
from alexnet_keras.system.terminal_text import brief


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """A learning rate that rises linearly from 0 and then falls to 0 along half a period of a cosine.

    Attributes:
        warmup_epochs: number of epochs in which the learning rate rises, limited to a quarter of the run.
    """

    name: ClassVar[str] = "cosine"
    ends_with_run: ClassVar[bool] = True
    warmup_epochs: Epoch = 0.0

    def __post_init__(self) -> None:
        check_fields(self, "schedule")

    @property
    def meaning(self) -> str:
        rise = f"rises from 0 until epoch {self.warmup_epochs:g}, then " if self.warmup_epochs else ""
        return f"{rise}falls to 0 along a cosine"


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
    ends_with_run: ClassVar[bool] = False
    divide_by: Divisor = 10.0
    reductions: Annotated[int, Range(0, MOST_CHANGES)] = 3
    patience: Count = 5
    threshold: Fraction = 0.001

    def __post_init__(self) -> None:
        check_fields(self, "schedule")

    @property
    def meaning(self) -> str:
        return (
            f"is divided by {self.divide_by:g} when the validation error has not improved for {self.patience} epochs, "
            f"up to {self.reductions} times"
        )


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A learning rate that is divided at given epochs.

    Attributes:
        boundaries: increasing numbers of epochs; 25 lowers the learning rate from the 26th epoch on.
        divide_by: the divisor at each boundary.
    """

    name: ClassVar[str] = "steps"
    ends_with_run: ClassVar[bool] = False
    boundaries: tuple[Epoch, ...]
    divide_by: Divisor = 10.0

    def __post_init__(self) -> None:
        check_fields(self, "schedule")
        rising = all(low < high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False))
        check(
            rising and 0 not in self.boundaries and len(self.boundaries) <= MOST_CHANGES,
            f"`schedule` boundaries must be at most {MOST_CHANGES} increasing numbers of epochs, "
            f"got {brief(self.boundaries)}.",
        )

    @property
    def meaning(self) -> str:
        return f"is divided by {self.divide_by:g} after epoch {', '.join(f'{each:g}' for each in self.boundaries)}"


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A learning rate that falls linearly to 0, which Caffe calls `poly` with a power of 1."""

    name: ClassVar[str] = "linear"
    ends_with_run: ClassVar[bool] = True

    @property
    def meaning(self) -> str:
        return "falls linearly to 0"


Schedule = Cosine | Plateau | Steps | Linear


@dataclass(frozen=True, kw_only=True)
class LayerRate:
    """The learning rate of one layer from a given epoch on, instead of the schedule's.

    Attributes:
        epoch: number of epochs after which `rate` applies.
        rate: the learning rate of its weights; 0 freezes the layer with its biases.
    """

    epoch: Epoch
    layer: Annotated[str, OneOf(LAYERS)]
    rate: Factor

    def __post_init__(self) -> None:
        check_fields(self, "layer_rates")
