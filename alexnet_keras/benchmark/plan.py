"""Estimate what a training run would take, from a few measured steps: `train --dry-run`."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import alternate
from alexnet_keras.benchmark.train import (
    check_batch,
    measured_optimizer,
    network_to_train,
    random_batches,
    training_steps,
)
from alexnet_keras.config.schedules import Plateau
from alexnet_keras.config.training import IMAGENET, SHAPES, TrainConfig
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import DataSet, ImageForm, Split, evenly_spaced
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.distribution.precision import choose_precision
from alexnet_keras.model.summary import summarize, totals, training_operations
from alexnet_keras.system.errors import AbsentError
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.progress import Progress
from alexnet_keras.training.compile import compile_for_training
from alexnet_keras.training.feature_cache import freeze

IMAGENET_IMAGES = {"train": 1_281_167, "validation": 50_000}  # ILSVRC2012; 1,000 classes
IMAGENET_BYTES = 28_000  # mean size of the 256-pixel JPEGs that `data prepare` writes; 24 to 32 KB
ROUNDS = 3  # measurements of one training step each
STORED_SAMPLE = 64  # images whose stored size is measured
READ_SAMPLE = 1024  # images that are read to measure the pipeline


@dataclass(frozen=True)
class Plan:
    """Estimate of a run.

    Attributes:
        data_found: whether the data set is on this machine; otherwise the numbers are those of ImageNet.
        at_most: whether the schedule may end the run before its last epoch.
        operations: floating-point operations of training and validation; a multiply-add counts as two.
        bytes_read: bytes read from disk in the whole run; images that fit in memory are read once.
        images_read_per_second: measured speed of reading, decoding and cropping; `None` without data.
        frozen_once: whether the features of frozen layers are computed only once. `hours` does not count on it.
    """

    recipe: str
    variant: str
    data: str
    data_found: bool
    train_images: int
    validation_images: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    at_most: bool
    operations: int
    bytes_read: int
    images_per_second: float
    images_read_per_second: float | None
    hours: float
    frozen_once: bool
    precision: str
    hardware: str

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def images(self) -> int:
        return self.epochs * min(self.train_images, self.steps_per_epoch * self.batch_size)

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "steps": self.steps, "images": self.images}


def plan(config: TrainConfig) -> Plan:
    """Estimate a run from a few measured steps and images. Nothing is written."""
    check_batch(config.batch_size, config.input_size)
    found = _find(config)
    classes = len(found.class_names) if found else 1000
    counts = {"train": len(found.train), "validation": len(found.validation)} if found else IMAGENET_IMAGES
    steps = config.steps_per_epoch or pipeline.steps_per_epoch(counts["train"], config.batch_size)
    images = config.epochs * min(counts["train"], steps * config.batch_size)
    validated = config.epochs * counts["validation"]

    policy = choose_precision(config.precision, deterministic=config.deterministic).policy
    network = network_to_train(config.architecture, classes, config.input_size, policy)
    freeze(network, config.frozen(config.epochs - 1))  # layers that thaw count as if they learned in all epochs
    forward, step = 2 * totals(summarize(network))[1], training_operations(network)
    rate = _training_rate(network, config, policy)
    # Assume that an operation takes the same time in validation as in training, and that a small image has as many as
    # its area says.
    trained = images * config.mean_area() / config.input_size**2
    seconds = (trained + validated * forward / step) / rate
    bytes_read, reading_rate = (images + validated) * IMAGENET_BYTES, None
    if found is not None:
        stored, reading_rate = _reading(found.train, config)
        drawn = found.name == SHAPES  # drawn by the code, in memory
        if drawn or all(reading.fits_in_memory(split) for split in (found.train, found.validation)):
            bytes_read = 0 if drawn else round(stored * sum(counts.values()))
            seconds += 0 if drawn else sum(counts.values()) / reading_rate
        else:
            bytes_read = round(stored * (images + validated))
            seconds = max(seconds, (images + validated) / reading_rate)  # reading and computing overlap
    return Plan(
        recipe=config.recipe,
        variant=config.architecture.name,
        data=config.data,
        data_found=found is not None,
        train_images=counts["train"],
        validation_images=counts["validation"],
        batch_size=config.batch_size,
        steps_per_epoch=steps,
        epochs=config.epochs,
        at_most=isinstance(config.schedule, Plateau),
        operations=round(step * trained) + forward * validated,
        bytes_read=bytes_read,
        images_per_second=round(rate, 2),
        images_read_per_second=None if reading_rate is None else round(reading_rate, 1),
        hours=round(seconds / 3600, 3),
        frozen_once=config.caches_features(config.freeze),
        precision=policy,
        hardware=describe(),
    )


def _find(config: TrainConfig) -> DataSet | None:
    try:
        return open_dataset(config.source, build=False)
    except AbsentError:
        if config.data != IMAGENET:
            raise
        return None  # the numbers of ImageNet are known


def _training_rate(network: Any, config: TrainConfig, policy: str) -> float:
    """Measure the training step on a batch in memory, in images per second."""
    compile_for_training(network, measured_optimizer(policy), deterministic=config.deterministic)
    batches = random_batches(config.batch_size, config.input_size, network.output_shape[-1])
    work = training_steps(network, batches, 1)
    return alternate({"training": work}, ROUNDS, "Measuring the training step")["training"].median


def _reading(split: Split, config: TrainConfig) -> tuple[float, float]:
    """Measure the mean bytes of a stored image, and the images per second of the training pipeline."""
    with reading.naming_unreadable(split):
        images = [split.read(tf.constant(index)).numpy() for index in evenly_spaced(len(split), STORED_SAMPLE)]
        stored = float(np.mean([image.nbytes if split.form is ImageForm.DECODED else len(image) for image in images]))
        count = min(len(split), READ_SAMPLE)
        batches = pipeline.train_dataset(
            split,
            input_size=config.input_size,
            batch_size=min(config.batch_size, count),
            epochs=tf.data.Dataset.range(1),
            seed=config.seed,
            **config.crops(),
        )
        next(iter(batches))  # compiles the loops that resize
        done = 0
        with Progress("Measuring the input", count) as progress:
            start = time.perf_counter()
            for _, labels in batches:
                done += len(labels)
                progress.advance(len(labels))
                if done >= count:
                    break
            seconds = time.perf_counter() - start
    return stored, done / seconds
