"""What can be configured, as frozen dataclasses that check themselves. Standard library only."""

import math
from dataclasses import dataclass

IMAGENET_MEAN = (123.0, 117.0, 104.0)  # RGB, 0..255: what Caffe's models subtract, there in the order BGR
STORED_SIZE = 256  # section 2: every image becomes 256 x 256 before it is cropped


class OptionError(ValueError):
    """An option or an argument that nothing can honour; the command line exits with 2."""


class InputError(ValueError):
    """A file, a folder or a data set that cannot be used; the command line exits with 1."""


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


COLOUR_NOISES = ("paper", "original")  # two readings of section 4.1: augmentation.colour_noise has the arithmetic
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
JITS = ("auto", "on", "off")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a run, besides the data's own bytes.

    Attributes:
        recipe: name of the recipe that this began as.
        architecture: the network.
        data: `shapes`, a folder, or the name of a TFDS data set.
        input_size: side of the crop in pixels, 67 to 256.
        batch_size: images a step.
        epochs: passes over the training images.
        steps_per_epoch: use only so many batches of each epoch's order; `None` for all of them.
        learning_rate: the highest that the schedule reaches.
        warmup_epochs: epochs in which the rate rises from 0, at most a quarter of them all; then it falls to 0 along
            half a cosine.
        momentum, weight_decay, bias_learning_rate_multiplier: of the update rule of 2012.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        colour_noise: `paper`, `original` or `None`, what is done to the colours of training images.
        seed: of initial weights, order, augmentation and dropout.
        precision: `auto`, or a Keras dtype policy.
    """

    recipe: str
    architecture: Architecture
    data: str = "shapes"
    input_size: int = 227
    batch_size: int = 128
    epochs: int = 90
    steps_per_epoch: int | None = None
    learning_rate: float = 0.01
    warmup_epochs: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_learning_rate_multiplier: float = 2.0
    label_smoothing: float = 0.0
    colour_noise: str | None = None
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "steps_per_epoch"):
            value = getattr(self, name)
            _check(value is None or value >= 1, f"{name} must be at least 1, got {value}.")
        _check(67 <= self.input_size <= STORED_SIZE, f"input_size must be 67 to {STORED_SIZE}, got {self.input_size}.")
        _check(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            f"learning_rate must be positive and finite, got {self.learning_rate}.",
        )
        _check(self.warmup_epochs >= 0, f"warmup_epochs must not be negative, got {self.warmup_epochs}.")
        _check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1), got {self.label_smoothing}.")
        _check(
            self.colour_noise in (None, *COLOUR_NOISES),
            f"colour_noise must be None or one of {', '.join(COLOUR_NOISES)}, got {self.colour_noise!r}.",
        )
        _check(self.seed >= 0, f"seed must not be negative, got {self.seed}.")
        _check(
            self.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}."
        )
