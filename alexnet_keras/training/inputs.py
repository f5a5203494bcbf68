"""Open what a run is trained on: the data set and, if there are any, trained weights to start from."""

import os
from dataclasses import dataclass
from pathlib import Path

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data import compiled_resize, pipeline, reading
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.dataset import DataSet, ImageForm, Split
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import InputError, TooLargeError
from alexnet_keras.training import initial_weights
from alexnet_keras.training.run_folder import Measured, Origin
from alexnet_keras.weights.trained_weights import Weights


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The data that a run is trained on.

    Attributes:
        training, validation: its images, decoded in memory if they fit there.
        weights: trained weights to start from, or `None` for the initializer or a checkpoint.
    """

    dataset: DataSet
    training: Split
    validation: Split
    steps: int
    weights: Weights | None
    origin: Origin | None

    def color_statistics(self) -> ColorStatistics:
        """The mean and the covariance of the colours of the training images."""
        return self.dataset.statistics or reading.color_statistics(self.training)


def open_inputs(config: TrainConfig, run: Path, known: Measured | None, *, may_prepare: bool) -> Inputs:
    """Open the data set and the weights, after all checks that need no image.

    Args:
        known: what the run measured when it began, if it is resumed.
        may_prepare: whether shards may be prepared first. This takes hours, and other workers would not wait for them.
    """
    dataset = _open(config, may_prepare)
    training, validation = dataset.train, dataset.validation
    steps = _steps_per_epoch(config, len(training))
    if known is not None:
        check_unchanged(known, dataset, run)
    weights, origin = initial_weights.begin(config, run, known, len(dataset.class_names))
    resizes = training.form is ImageForm.ENCODED or config.min_crop_area is not None or config.small_epochs > 0
    if resizes and compiled_resize.loops() is None:
        print_message(
            "Numba is not installed, so resizing images takes seven to fourteen times as long; "
            "install it with `pip install 'alexnet-keras[fast]'`."
        )
    return Inputs(
        dataset=dataset,
        training=reading.in_memory(training, f"{dataset.name} for training"),
        validation=reading.in_memory(validation, f"{dataset.name} for validation"),
        steps=steps,
        weights=weights,
        origin=origin,
    )


def _open(config: TrainConfig, may_prepare: bool) -> DataSet:
    """Open the data set; prepare shards first if it has no random access and does not fit into memory."""
    dataset = open_dataset(config.source)
    try:
        _ = dataset.train, dataset.validation
    except TooLargeError as error:
        if not may_prepare or config.split is not None:
            raise
        print_message(
            f"{dataset.name} is too large for memory. Its images are now stored once at {config.stored_size} pixels in "
            f"{error.prepared}. This can be stopped and continued; later runs read them from there."
        )
        prepare(dataset, error.prepared, Settings(size=config.stored_size, jobs=os.cpu_count() or 1))
        dataset = open_dataset(config.source)
    return dataset


def check_unchanged(known: Measured, dataset: DataSet, run: Path) -> None:
    """Refuse to resume a run with other data than it began with."""
    remedy = "restore the data, or start another run."
    if known.class_names != dataset.class_names:
        raise InputError(
            f"{run} was trained on the classes {', '.join(known.class_names)}; {dataset.name} now has "
            f"{', '.join(dataset.class_names)}: {remedy}"
        )
    for kind, before, now in (
        ("training", known.train_images, len(dataset.train)),
        ("validation", known.validation_images, len(dataset.validation)),
    ):
        if before != now:
            raise InputError(f"{run} began with {before:,} {kind} images; {dataset.name} now has {now:,}: {remedy}")


def _steps_per_epoch(config: TrainConfig, num_images: int) -> int:
    if config.batch_size > num_images:
        raise InputError(
            f"`batch_size` {config.batch_size} is larger than the {num_images:,} training images of {config.data}; "
            f"choose at most {num_images}."
        )
    steps = pipeline.steps_per_epoch(num_images, config.batch_size)
    if config.steps_per_epoch is not None and config.steps_per_epoch > steps:
        raise InputError(
            f"`steps_per_epoch` {config.steps_per_epoch} is more than the {steps:,} batches of {config.batch_size} "
            f"images that {config.data} has; choose at most {steps}."
        )
    return config.steps_per_epoch or steps
