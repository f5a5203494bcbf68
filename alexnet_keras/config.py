"""What can be configured, as frozen dataclasses that check themselves. Standard library only."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

IMAGENET_MEAN = (123.0, 117.0, 104.0)  # RGB, 0..255: what Caffe's models subtract, there in the order BGR
STORED_SIZE = 256  # section 2: every image becomes 256 x 256 before it is cropped


class OptionError(ValueError):
    """An option or an argument that nothing can honour; the command line exits with 2."""


class InputError(ValueError):
    """A file, a folder or a data set that cannot be used; the command line exits with 1."""


class RunError(RuntimeError):
    """A run that cannot go on, such as one whose loss is no number; the command line exits with 1."""


class Interrupted(BaseException):
    """A run that a signal stopped; the command line exits with 128 + signal. No `Exception`, so nothing swallows it.

    Attributes:
        signal: the signal's number.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise OptionError(message)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What an AlexNet is made of.

    Attributes:
        name: the variant's name.
        towers: 1, or 2 as in the paper, where the halves meet only before conv3, fc6, fc7 and fc8.
        filters: maps of conv1 to conv5, both towers together.
        hidden_units: units of fc6 and fc7, both towers together.
        lrn_size, lrn_k, lrn_alpha, lrn_beta: constants of section 3.3; the window stays within a tower.
        lrn_divide_alpha_by_size: whether alpha is divided by the window's size.
        dropout: rate after fc6 and fc7.
        initializer: `paper`, N(0, 0.01) with biases of 1 in conv2, conv4, conv5, fc6 and fc7 (section 5), or
            `he_normal` with biases of 0, which small data sets need: with 0.01 the signal shrinks from layer to layer,
            and the paper waited for it to grow over epochs of 1.2 million images.
    """

    name: str
    towers: int
    filters: tuple[int, ...] = (96, 256, 384, 384, 256)
    hidden_units: tuple[int, ...] = (4096, 4096)
    lrn_size: int = 5
    lrn_k: float = 2.0
    lrn_alpha: float = 1e-4
    lrn_beta: float = 0.75
    lrn_divide_alpha_by_size: bool = False
    dropout: float = 0.5
    initializer: str = "paper"

    def __post_init__(self) -> None:
        _check(self.towers in (1, 2), f"towers must be 1 or 2, got {self.towers!r}.")
        _check(len(self.filters) == 5, f"filters must be five numbers, conv1 to conv5, got {self.filters}.")
        _check(len(self.hidden_units) == 2, f"hidden_units must be two numbers, fc6 and fc7, got {self.hidden_units}.")
        for width in self.filters + self.hidden_units:
            _check(
                width > 0 and width % self.towers == 0,
                f"Every width must be a positive multiple of towers={self.towers}, got {width}.",
            )
        _check(0 <= self.dropout < 1, f"dropout must be in [0, 1), got {self.dropout}.")
        _check(
            self.initializer in ("paper", "he_normal"),
            f"initializer must be 'paper' or 'he_normal', got {self.initializer!r}.",
        )


ARCHITECTURES = {
    "paper": Architecture(name="paper", towers=2),
    "one_tower": Architecture(name="one_tower", towers=1),
}


def architecture(variant: "str | Architecture") -> Architecture:
    """The architecture that a name stands for.

    Raises:
        OptionError: no variant has this name.
    """
    if isinstance(variant, Architecture):
        return variant
    _check(variant in ARCHITECTURES, f"There is no variant {variant!r}; choose from {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[variant]


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """Up from 0 in a straight line, then down to 0 along half a cosine.

    Attributes:
        warmup_epochs: how long the rate rises, at most a quarter of the run.
    """

    name: ClassVar[str] = "cosine"
    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        _check(self.warmup_epochs >= 0, f"warmup_epochs must not be negative, got {self.warmup_epochs}.")


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
        _check(self.divide_by > 1, f"divide_by must be larger than 1, got {self.divide_by}.")
        _check(self.reductions >= 0, f"reductions must not be negative, got {self.reductions}.")
        _check(self.patience >= 1, f"patience must be at least 1, got {self.patience}.")
        _check(0 <= self.threshold < 1, f"threshold must be in [0, 1), got {self.threshold}.")


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Divided at given epochs; the defaults are those of the 2012 run of 91 epochs.

    Attributes:
        boundaries: epochs, rising, whose first step has the lower rate; 25 means after 25 epochs.
        divide_by: what the rate is divided by at each.
    """

    name: ClassVar[str] = "steps"
    boundaries: tuple[float, ...] = (25.0, 51.0, 79.0)
    divide_by: float = 10.0

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False))
        _check(
            rising and all(boundary > 0 for boundary in self.boundaries),
            f"boundaries must be rising numbers of epochs, got {self.boundaries}.",
        )
        _check(self.divide_by > 1, f"divide_by must be larger than 1, got {self.divide_by}.")


@dataclass(frozen=True, kw_only=True)
class Geometric:
    """Equal parts of the run whose rates are a geometric series, as in the 2012 code's later networks.

    The defaults are those of network 170 (`layer-params-170.cfg`: `schedW=dexp[tgtFactor=250,numSteps=4]`,
    `schedB=dexp[tgtFactor=10,numSteps=2]`; `src/lr.cu`, `DiscreteExpLRS`).

    Attributes:
        divide_by: rate of the first part over the rate of the last.
        parts: how many there are.
        bias_divide_by, bias_parts: the same for biases, which have a series of their own.
    """

    name: ClassVar[str] = "geometric"
    divide_by: float = 250.0
    parts: int = 4
    bias_divide_by: float = 10.0
    bias_parts: int = 2

    def __post_init__(self) -> None:
        for divisor in (self.divide_by, self.bias_divide_by):
            _check(divisor >= 1, f"divide_by must be at least 1, got {divisor}.")
        for parts in (self.parts, self.bias_parts):
            _check(parts >= 2, f"parts must be at least 2, the first and the last, got {parts}.")


Schedule = Cosine | Plateau | Steps | Geometric
SCHEDULES: dict[str, type[Schedule]] = {kind.name: kind for kind in (Cosine, Plateau, Steps, Geometric)}


def schedule(name: str, epochs: int) -> Schedule:
    """The schedule that a name stands for; the 2012 boundaries of `steps` are stretched to the run's length.

    Raises:
        OptionError: no schedule has this name.
    """
    _check(name in SCHEDULES, f"There is no schedule {name!r}; choose from {', '.join(SCHEDULES)}.")
    if name == Steps.name:
        return Steps(boundaries=tuple(round(epochs * boundary / 91, 3) for boundary in Steps.boundaries))
    return SCHEDULES[name]()


COLOUR_NOISES = ("paper", "original")  # two readings of section 4.1: augmentation.colour_noise has the arithmetic
LAYOUTS = ("replicas", "two-tower")  # of several devices: a whole network on each, or a tower
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
JITS = ("auto", "on", "off")


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data set, and where to look for it.

    Attributes:
        name: `shapes`, `imagenet`, a folder, or the name of a TFDS data set.
        data_dir: where built data sets are; `None` for the environment variable TFDS_DATA_DIR, or TFDS's own default.
        manual_dir: where archives lie that were downloaded by hand; `None` for `downloads/manual` in `data_dir`.
        split: two splits of a TFDS data set, for training and validation, such as `train[:80%],train[80%:]`.
    """

    name: str
    data_dir: str | None = None
    manual_dir: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a run, besides the data's own bytes.

    Attributes:
        recipe: name of the recipe that this began as.
        architecture: the network.
        data, data_dir, manual_dir, split: the data set, as in `DataSource`.
        input_size: side of the crop in pixels, 67 to 256.
        batch_size: images a step, all devices and hosts together.
        epochs: passes over the training images.
        steps_per_epoch: use only so many batches of each epoch's order; `None` for all of them.
        learning_rate: the highest that the schedule reaches.
        schedule: how the rate changes.
        momentum, weight_decay, bias_learning_rate_multiplier: of the update rule of 2012.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        colour_noise: `paper`, `original` or `None`, what is done to the colours of training images.
        seed: of initial weights, order, augmentation and dropout.
        precision: `auto`, or a Keras dtype policy.
        jit: `auto`, `on` or `off`: whether XLA compiles the whole step.
        deterministic: the same bits whenever the run is repeated or resumed on this hardware; slower.
    """

    recipe: str
    architecture: Architecture
    data: str = "shapes"
    data_dir: str | None = None
    manual_dir: str | None = None
    split: str | None = None
    input_size: int = 227
    batch_size: int = 128
    epochs: int = 90
    steps_per_epoch: int | None = None
    learning_rate: float = 0.01
    schedule: Schedule = Plateau()
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_learning_rate_multiplier: float = 2.0
    label_smoothing: float = 0.0
    colour_noise: str | None = None
    seed: int = 0
    precision: str = "auto"
    jit: str = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "steps_per_epoch"):
            value = getattr(self, name)
            _check(value is None or value >= 1, f"{name} must be at least 1, got {value}.")
        _check(67 <= self.input_size <= STORED_SIZE, f"input_size must be 67 to {STORED_SIZE}, got {self.input_size}.")
        _check(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            f"learning_rate must be positive and finite, got {self.learning_rate}.",
        )
        _check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1), got {self.label_smoothing}.")
        _check(
            self.colour_noise in (None, *COLOUR_NOISES),
            f"colour_noise must be None or one of {', '.join(COLOUR_NOISES)}, got {self.colour_noise!r}.",
        )
        _check(self.seed >= 0, f"seed must not be negative, got {self.seed}.")
        _check(
            self.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}."
        )
        _check(self.jit in JITS, f"jit must be one of {', '.join(JITS)}, got {self.jit!r}.")

    @property
    def source(self) -> DataSource:
        return DataSource(name=self.data, data_dir=self.data_dir, manual_dir=self.manual_dir, split=self.split)


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """A configuration as JSON has it; a schedule carries its name."""
    return {**dataclasses.asdict(config), "schedule": {"name": config.schedule.name, **vars(config.schedule)}}


def from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """The configuration that `to_dict` wrote: exactly its keys, none unknown and none missing.

    Raises:
        OptionError: a key is unknown or missing, or a value is of the wrong type or out of its range.
    """
    config: TrainConfig = build(TrainConfig, values, "config")
    return config


def build(kind: Any, values: Any, where: str) -> Any:
    """A value of an annotated type out of JSON's: dataclasses, unions of those that have names, tuples, scalars.

    Args:
        kind: the type.
        values: what JSON has for it.
        where: what to call it in errors.

    Raises:
        OptionError: the two do not fit, or the dataclass refuses the values.
    """
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        if values is None and len(members) < len(typing.get_args(kind)):
            return None
        if len(members) == 1:
            return build(members[0], values, where)
        _check(isinstance(values, Mapping), f"{where} must be an object, got {values!r}.")
        named = {member.name: member for member in members}
        _check(values.get("name") in named, f"{where}.name is {values.get('name')!r}, not one of {', '.join(named)}.")
        return build(named[values["name"]], {key: values[key] for key in values if key != "name"}, where)
    if typing.get_origin(kind) is tuple:
        _check(isinstance(values, list | tuple), f"{where} must be a list, got {values!r}.")
        member = typing.get_args(kind)[0]
        return tuple(build(member, value, f"{where}[{index}]") for index, value in enumerate(values))
    if dataclasses.is_dataclass(kind):
        _check(isinstance(values, Mapping), f"{where} must be an object, got {values!r}.")
        fields = typing.get_type_hints(kind)
        names = {field.name for field in dataclasses.fields(kind)}
        for key in sorted(names ^ set(values)):
            _check(False, f"{where} has {'no' if key in names else 'an unknown'} key {key!r}.")
        make: Any = kind
        return make(**{name: build(fields[name], values[name], f"{where}.{name}") for name in sorted(names)})
    if kind is float and isinstance(values, int) and not isinstance(values, bool):
        return values
    _check(type(values) is kind, f"{where} must be of type {kind.__name__}, got {values!r}.")
    return values
