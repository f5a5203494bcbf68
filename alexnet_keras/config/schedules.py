"""How the learning rate changes over a run, as data. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from alexnet_keras.system.errors import check


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """Up from 0 in a straight line, then down to 0 along half a cosine.

    Attributes:
        warmup_epochs: how long the rate rises, at most a quarter of the run.
    """

    name: ClassVar[str] = "cosine"
    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        check(self.warmup_epochs >= 0, f"warmup_epochs must not be negative, got {self.warmup_epochs}.")


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """The paper's (section 5): divided when the validation error stops improving, three times, then the run stops.

    The paper divides by 10 and leaves the judgement to a person; patience and threshold stand in for the person.

    Attributes:
        divide_by: what the rate is divided by.
        reductions: how often; when the error stops improving once more, training stops.
        patience: epochs without improvement that count as "stopped".
        threshold: fall of the top-1 error, a fraction, that counts as improvement.
    """

    name: ClassVar[str] = "plateau"
    divide_by: float = 10.0
    reductions: int = 3
    patience: int = 5
    threshold: float = 0.001

    def __post_init__(self) -> None:
        check(self.divide_by > 1, f"divide_by must be larger than 1, got {self.divide_by}.")
        check(self.reductions >= 0, f"reductions must not be negative, got {self.reductions}.")
        check(self.patience >= 1, f"patience must be at least 1, got {self.patience}.")
        check(0 <= self.threshold < 1, f"threshold must be in [0, 1), got {self.threshold}.")


BOUNDARIES_2012 = (25.0, 51.0, 79.0)  # layer-params-145.cfg: of a run of 91 epochs


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Divided at given epochs.

    Attributes:
        boundaries: epochs, rising, whose first step has the lower rate; 25 means after 25 epochs.
        divide_by: what the rate is divided by at each.
    """

    name: ClassVar[str] = "steps"
    boundaries: tuple[float, ...]
    divide_by: float = 10.0

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False))
        check(
            rising and all(boundary > 0 for boundary in self.boundaries),
            f"boundaries must be rising numbers of epochs, got {self.boundaries}.",
        )
        check(self.divide_by > 1, f"divide_by must be larger than 1, got {self.divide_by}.")


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Down to 0 in a straight line: Caffe's `poly` with a power of 1."""

    name: ClassVar[str] = "linear"


Schedule = Cosine | Plateau | Steps | Linear
SCHEDULES: dict[str, Callable[..., Schedule]] = {kind.name: kind for kind in (Cosine, Plateau, Steps, Linear)}


@dataclass(frozen=True, kw_only=True)
class LayerRate:
    """A layer whose weights leave the schedule.

    Attributes:
        epoch: after which it begins; 67 means after 67 epochs.
        layer: its name, without its tower.
        rate: of its weights from then on; at 0 the layer is frozen, biases too.
    """

    epoch: float
    layer: str
    rate: float

    def __post_init__(self) -> None:
        check(self.epoch >= 0, f"The epoch of a layer's rate must not be negative, got {self.epoch}.")
        check(self.rate >= 0, f"A layer's rate must not be negative, got {self.rate} for {self.layer}.")


def schedule(name: str, epochs: int) -> Schedule:
    """The schedule that a name stands for; the 2012 boundaries of `steps` are stretched to the run's length.

    Raises:
        OptionError: no schedule has this name.
    """
    check(name in SCHEDULES, f"There is no schedule {name!r}; choose from {', '.join(SCHEDULES)}.")
    if name == Steps.name:
        return Steps(boundaries=tuple(round(epochs * boundary / 91, 3) for boundary in BOUNDARIES_2012))
    return SCHEDULES[name]()
