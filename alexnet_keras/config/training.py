"""What can be configured, as frozen dataclasses that check themselves. Standard library only."""

import math
from dataclasses import dataclass

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.schedules import LayerRate, Plateau, Schedule
from alexnet_keras.system.errors import check

IMAGENET_MEAN = (123.0, 117.0, 104.0)  # RGB, 0..255: what Caffe's models subtract, there in the order BGR
STORED_SIZE = 256  # section 2: every image becomes 256 x 256 before it is cropped


PCA_NOISES = ("paper", "original")  # two readings of section 4.1: augmentation.colour_noise has the arithmetic
LAYOUTS = ("replicas", "two-tower")  # of several devices: a whole network on each, or a tower
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
FREEZES = ("none", "conv1", "conv2", "conv3", "conv4", "conv5")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


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
        biases_follow_schedule: whether the rate of the biases falls with that of the weights.
        layer_rates: layers whose rate leaves the schedule at an epoch.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        pca_noise: `paper`, `original` or `None`, what is done to the colours of training images.
        pca_noise_epochs: for how many epochs; `None` for all.
        weights: a file of trained weights to begin from, in any form that `model.read_weights` takes, or `None`. Its
            classifier is not taken over, and so is no layer that it lacks.
        freeze: the last convolution that keeps its weights, `conv1` to `conv5`; with it, those before. Or `none`.
        freeze_epochs: for how many epochs; `None` for all.
        cache_features: whether only the central crop and its mirror image are trained on while layers are frozen, so
            that what these make of them is computed once.
        seed: of initial weights, order, augmentation and dropout.
        precision: `auto`, or a Keras dtype policy.
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
    schedule: Schedule = Plateau()  # noqa: RUF009 - frozen, so it can be shared
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_learning_rate_multiplier: float = 2.0
    biases_follow_schedule: bool = True
    layer_rates: tuple[LayerRate, ...] = ()
    label_smoothing: float = 0.0
    pca_noise: str | None = None
    pca_noise_epochs: int | None = None
    weights: str | None = None
    freeze: str = "none"
    freeze_epochs: int | None = None
    cache_features: bool = False
    seed: int = 0
    precision: str = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "steps_per_epoch", "pca_noise_epochs", "freeze_epochs"):
            value = getattr(self, name)
            check(value is None or value >= 1, f"{name} must be at least 1, got {value}.")
        check(67 <= self.input_size <= STORED_SIZE, f"input_size must be 67 to {STORED_SIZE}, got {self.input_size}.")
        check(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            f"learning_rate must be positive and finite, got {self.learning_rate}.",
        )
        check(0 <= self.momentum < 1, f"momentum must be in [0, 1), got {self.momentum}.")
        for name in ("weight_decay", "bias_learning_rate_multiplier"):
            value = getattr(self, name)
            check(0 <= value < math.inf, f"{name} must not be negative or infinite, got {value}.")
        check(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1), got {self.label_smoothing}.")
        check(
            self.pca_noise in (None, *PCA_NOISES),
            f"pca_noise must be None or one of {', '.join(PCA_NOISES)}, got {self.pca_noise!r}.",
        )
        check(self.freeze in FREEZES, f"freeze must be one of {', '.join(FREEZES)}, got {self.freeze!r}.")
        check(
            self.freeze_epochs is None or self.freeze != "none",
            f"freeze_epochs {self.freeze_epochs} needs layers to freeze; name the last of them with freeze.",
        )
        check(
            not (self.cache_features and self.pca_noise),
            f"Features cannot be computed once with pca_noise {self.pca_noise!r}; choose None.",
        )
        for rate in self.layer_rates:
            check(rate.layer in LAYERS, f"layer_rates must be of {', '.join(LAYERS)}, got {rate.layer!r}.")
            check(
                self.freeze == "none" or rate.layer > self.freeze,  # conv1 < ... < conv5 < fc6, also as text
                f"freeze {self.freeze} leaves nothing to the recipe's rate of {rate.layer}; choose another recipe.",
            )
        check(self.seed >= 0, f"seed must not be negative, got {self.seed}.")
        check(
            self.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}."
        )

    def frozen(self, epoch: int) -> str:
        """The last convolution that keeps its weights in an epoch, counted from 0, or `none`."""
        return self.freeze if self.freeze_epochs is None or epoch < self.freeze_epochs else "none"

    @property
    def source(self) -> DataSource:
        return DataSource(name=self.data, data_dir=self.data_dir, manual_dir=self.manual_dir, split=self.split)
