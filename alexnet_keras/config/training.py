"""The configuration of a data set and of a training run, as frozen dataclasses that check themselves."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.layer_names import CONVOLUTIONS, is_frozen
from alexnet_keras.config.ranges import (
    BatchSize,
    Count,
    Factor,
    Fold,
    Fraction,
    Index,
    Name,
    OneOf,
    OpenFraction,
    Range,
    Rate,
    check_fields,
)
from alexnet_keras.config.schedules import LayerRate, Plateau, Schedule
from alexnet_keras.system.errors import check

IMAGENET_MEAN = (123.0, 117.0, 104.0)  # RGB, 0 to 255; Caffe lists it as BGR
SHAPES, IMAGENET = "shapes", "imagenet"  # the names of the data sets that are neither a folder nor of TFDS
SPLITS = ("train", "validation")  # of every data set, by the names in files and in `DataSet.open_split`
STORED_SIZE = 256  # section 2: every image becomes 256 x 256 before it is cropped
StoredSize = Annotated[int, Range(32, STORED_SIZE)]  # of CIFAR-10 to ImageNet
ENCODINGS = ("jpeg", "raw")  # of the images in shards
ON_ERROR = ("stop", "skip")  # what `data prepare` does at an image that cannot be used
CropArea = Annotated[float, Range(0.01, 1, high_open=True)]  # a tenth of the side, to less than the whole image
CHECKPOINT_MINUTES: float = 5  # by default; a checkpoint of the paper's network takes two to four seconds
PCA_NOISES = ("paper", "original")  # two readings of section 4.1; `data.pca_noise.noise_of` has the formulas
LAYOUTS = ("replicas", "two-tower")  # of several devices: the whole network on each, or one tower on each of two
FREEZES = ("none", *CONVOLUTIONS)
VALIDATION_SPLIT = 0.2  # as in Keras's examples of a folder of classes
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data set and the folders that hold it.

    Attributes:
        name: `shapes`, `imagenet`, a folder, a table of images, or the name of a TFDS data set.
        data_dir: the folder of built data sets; `None` for the environment variable TFDS_DATA_DIR, or TFDS's default.
        manual_dir: the folder of archives that were downloaded by hand; `None` for `downloads/manual` in `data_dir`.
        split: two splits of a TFDS data set, for training and validation, such as `train[:80%],train[80%:]`.
        validation_split: the fraction of each class for validation, of images without a split of their own; `None`
            for `VALIDATION_SPLIT`.
        fold: instead of a fraction, which of k equal parts of each class is for validation, such as `2/5`.
        split_seed: random seed of this division. It is not the seed of the run, so that runs with several seeds can be
            compared and averaged on the same validation images.
        upright: whether images are turned as their EXIF orientation says, or left as they are stored, as in 2012.
        columns: the columns of a table, such as `file=photo,label=species,split=none`; `None` for the usual names.
        stored_size: side in pixels to which every image is resized before it is cropped.
        run_images: not an option: the numbers of training and validation images with which a run began, if this is the
            data set of a run.
    """

    name: Name
    data_dir: Name | None = None
    manual_dir: Name | None = None
    split: str | None = None
    validation_split: OpenFraction | None = None
    fold: Fold | None = None
    split_seed: Index = 0
    upright: bool = True
    columns: str | None = None
    stored_size: StoredSize = STORED_SIZE
    run_images: tuple[Index, ...] | None = dataclasses.field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        check(
            self.fold is None or self.validation_split is None,
            f"`fold` {self.fold} and `validation_split` {self.validation_split} exclude each other; omit one of them.",
        )

    def __str__(self) -> str:
        return self.name

    def options(self) -> dict[str, Any]:
        """Return the values of `SOURCE_FIELDS`."""
        return {name: getattr(self, name) for name in SOURCE_FIELDS}


Source = str | Path | DataSource  # a data set as functions take it: a name, a folder, or with more settings
SOURCE_FIELDS = tuple(
    field.name for field in dataclasses.fields(DataSource) if field.name not in ("name", "run_images")
)


CHOSEN_BY_NAME = ("recipe", "architecture")  # fields of a `TrainConfig` that are not set one by one


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that determines the result of a run, except the data.

    Attributes:
        recipe: name of the recipe that the configuration started from.
        architecture: the network.
        data, data_dir, manual_dir, split, validation_split, fold, split_seed, upright, columns, stored_size: the data
            set, as in `DataSource`.
        input_size: side of the crop in pixels, at most `stored_size`.
        small_input_size: side in pixels to which the crops are resized in the first epochs, which then take less time;
            `None` uses `input_size` in all epochs. `model.any_size` says how the network takes both sizes.
        small_fraction: fraction of the epochs, from the first one on, that use `small_input_size`, rounded down.
        batch_size: images per step, over all devices and workers.
        epochs: passes over the training images.
        steps_per_epoch: number of batches of each epoch to train on; `None` for all of them.
        target_error: the training error, 0 to 1, that ends the run early; `None` to train all epochs.
        learning_rate: the highest learning rate of the schedule.
        schedule: how the learning rate changes during the run.
        momentum, weight_decay, classifier_weight_decay, bias_learning_rate_multiplier: arguments of
            `training.optimizer.KrizhevskySGD`.
        biases_follow_schedule: whether the learning rate of the biases falls with that of the weights.
        layer_rates: layers that get a fixed learning rate from a given epoch on.
        label_smoothing: fraction of the target probability that is distributed over all classes, in [0, 1).
        augment: whether a training image gets a random crop and a random flip, or the central crop.
        min_crop_area: random resized crops: the smallest fraction of the area of the stored image that a crop covers.
            Fractions from there to 1 are equally likely, the aspect ratio is 3/4 to 4/3 (Szegedy et al. 2014, section
            6), and the crop is resized to `input_size`. `None` for the paper's crops, which are not resized.
        pca_noise: PCA colour augmentation of training images: `paper`, `original` or `None`.
        pca_noise_epochs: number of epochs with `pca_noise`; `None` for all.
        weights: a file of trained weights to start from, in any format that `model.loading.read_weights` reads, or
            `None`. fc8 is never taken from the file. Layers that the file lacks start with random weights.
        freeze: the last frozen convolution, `conv1` to `conv5`; those before it are frozen too. `none` freezes none.
        freeze_epochs: number of epochs with frozen layers; `None` for all.
        cache_features: whether the features of each image are computed once while all convolutions are frozen.
            Training then uses the central crop and its horizontal flip only.
        seed: random seed for initialization, shuffling, augmentation and dropout.
        precision: `auto`, or a Keras dtype policy.
        deterministic: whether to use deterministic operators, so that a repeated or resumed run gives the same bits on
            the same hardware. Training is slower.
    """

    recipe: str
    architecture: Architecture
    data: Name = SHAPES
    data_dir: Name | None = None
    manual_dir: Name | None = None
    split: str | None = None
    validation_split: OpenFraction | None = None
    fold: Fold | None = None
    split_seed: Index = 0
    upright: bool = True
    columns: str | None = None
    stored_size: StoredSize = STORED_SIZE
    input_size: Annotated[int, Range(1, STORED_SIZE)] = 227
    small_input_size: Annotated[int, Range(1, STORED_SIZE)] | None = None
    small_fraction: Fraction = 0.0
    batch_size: BatchSize = 128
    epochs: Count = 90
    steps_per_epoch: Count | None = None
    target_error: OpenFraction | None = None
    learning_rate: Rate = 0.01
    schedule: Schedule = Plateau()  # noqa: RUF009 - frozen, so it can be shared
    momentum: Fraction = 0.9
    weight_decay: Factor = 5e-4
    classifier_weight_decay: Factor | None = None
    bias_learning_rate_multiplier: Factor = 2.0
    biases_follow_schedule: bool = True
    layer_rates: tuple[LayerRate, ...] = ()
    label_smoothing: Fraction = 0.0
    augment: bool = True
    min_crop_area: CropArea | None = None
    pca_noise: Annotated[str, OneOf(PCA_NOISES)] | None = None
    pca_noise_epochs: Count | None = None
    weights: Name | None = None
    freeze: Annotated[str, OneOf(FREEZES)] = "none"
    freeze_epochs: Count | None = None
    cache_features: bool = False
    seed: Index = 0
    precision: Annotated[str, OneOf(PRECISIONS)] = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        _ = self.source  # checks how its fields go together
        smallest = self.architecture.smallest_input
        check(
            smallest <= self.input_size <= self.stored_size,
            f"`input_size` must be {smallest} to {self.stored_size}, from the smallest image that the network takes to "
            f"`stored_size`, got {self.input_size}.",
        )
        once = f"`freeze` {self.freeze} with `cache_features` computes the features of each image once"
        small = self.small_input_size
        check(
            small is None or smallest <= small < self.input_size,
            f"`small_input_size` must be at least {smallest} and less than `input_size` {self.input_size}, got {small}"
            "; choose another size, or set `small_input_size=none` and `small_fraction=0`.",
        )
        check(
            (small is not None) == (self.small_fraction > 0),
            f"`small_input_size` {small or 'none'} and `small_fraction` {self.small_fraction:g} need each other; "
            "set both, or `small_input_size=none` and `small_fraction=0`.",
        )
        check(
            small is None or not self.caches_features(self.freeze),
            f"{once}, and `small_input_size` {small} needs them of two sizes; choose `cache_features=no`, or "
            "`small_input_size=none` and `small_fraction=0`.",
        )
        check(
            self.freeze_epochs is None or self.freeze != "none",
            f"`freeze_epochs` {self.freeze_epochs} needs layers to freeze; name the last of them with `freeze`.",
        )
        check(
            self.augment or self.min_crop_area is None,
            f"`min_crop_area` {self.min_crop_area} makes random crops, which `augment=no` excludes; omit one of them.",
        )
        check(
            self.augment or not self.caches_features(self.freeze),
            f"{once}, also those of its flip, which `augment=no` excludes; choose `cache_features=no` or "
            "`augment=yes`.",
        )
        for name in ("pca_noise", "min_crop_area"):
            check(
                not (self.caches_features(self.freeze) and getattr(self, name)),
                f"{once}, and `{name}` {getattr(self, name)} changes the images in each epoch; choose "
                f"`cache_features=no` or `{name}=none`.",
            )
        for rate in self.layer_rates:
            check(
                not is_frozen(rate.layer, self.freeze),
                f"`freeze` {self.freeze} freezes {rate.layer}, for which the recipe has a learning rate of its own; "
                "choose another recipe.",
            )

    def frozen(self, epoch: int) -> str:
        """The last frozen convolution in an epoch, counted from 0, or `none`."""
        return self.freeze if self.freeze_epochs is None or epoch < self.freeze_epochs else "none"

    def caches_features(self, frozen: str) -> bool:
        """Whether the features of each image are computed once while the layers up to `frozen` are frozen."""
        return self.cache_features and frozen == CONVOLUTIONS[-1]

    @property
    def small_epochs(self) -> int:
        """The number of epochs with images of `small_input_size`."""
        return int(self.small_fraction * self.epochs + 1e-9)  # 0.29 * 100 is 28.999...

    def image_size(self, epoch: int) -> int:
        """The side of the training images in an epoch, counted from 0."""
        if self.small_input_size is None or epoch >= self.small_epochs:
            return self.input_size
        return self.small_input_size

    def mean_area(self, first: int = 0) -> float:
        """The mean area of the training images in the epochs from `first` on, in pixels."""
        areas = [self.image_size(epoch) ** 2 for epoch in range(first, self.epochs)]
        return sum(areas) / len(areas) if areas else float(self.input_size**2)

    def crops(self, frozen: str = "none") -> dict[str, Any]:
        """The arguments of `pipeline.train_dataset` for crops and flips, while the layers up to `frozen` are frozen."""
        centered = not self.augment or self.caches_features(frozen)
        return {"centered": centered, "flips": self.augment, "min_crop_area": self.min_crop_area}

    @property
    def source(self) -> DataSource:
        return DataSource(name=self.data, **{name: getattr(self, name) for name in SOURCE_FIELDS})
