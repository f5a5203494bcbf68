"""`train --dry-run`: what a run would take, at rates measured on this machine."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import alternate
from alexnet_keras.benchmark.train import training_steps
from alexnet_keras.config.schedules import Plateau
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data import dataset, pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.data.sources import imagenet
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.distribution.precision import choose_jit, choose_precision
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import summarize, totals, training_operations
from alexnet_keras.system.errors import AbsentError
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.progress import Progress
from alexnet_keras.training.optimizer import KrizhevskySGD

IMAGENET_IMAGES = {"train": 1_281_167, "validation": 50_000}  # ILSVRC2012; 1,000 classes
IMAGENET_BYTES = 28_000  # of a 256-pixel JPEG as `data prepare` stores it; 24 to 32 KB
ROUNDS = 3  # of one step each
SAMPLE = 1024  # pictures read


@dataclass(frozen=True)
class Plan:
    """What a run would take.

    Attributes:
        recipe, variant, data: of the configuration.
        data_found: whether the data set is there; else its numbers are ImageNet's known ones.
        train_images, validation_images: of an epoch.
        batch_size, steps_per_epoch, steps, epochs: of the run; `at_most` where its schedule may end it before.
        images: trained on in all.
        operations: floating-point operations in all, a multiply-add counted as two, validation included.
        bytes_read: from where the data lies, in all; pictures that fit into memory are read once.
        images_per_second: of the training step, measured.
        images_read_per_second: of reading, decoding and cropping, measured; `None` where the data set is not there.
        hours: training and validation in all.
        frozen_once: whether layers stay frozen whose features are computed once, which `hours` does not count on.
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
    """Measure a few steps and the reading of a few pictures, and count the rest. Writes nothing.

    Raises:
        OptionError, InputError: the data set cannot be used. ImageNet need not be there.
    """
    found = _find(config)
    classes = len(found.class_names) if found else 1000
    counts = {"train": len(found.train), "validation": len(found.validation)} if found else IMAGENET_IMAGES
    steps = config.steps_per_epoch or pipeline.steps_per_epoch(counts["train"], config.batch_size)
    images = config.epochs * min(counts["train"], steps * config.batch_size)
    validated = config.epochs * counts["validation"]

    policy = choose_precision(config.precision, deterministic=config.deterministic).policy
    shape = (config.input_size, config.input_size, 3)
    network = AlexNet(config.architecture, classes=classes, input_shape=shape, classifier_activation=None, dtype=policy)
    forward, step = 2 * totals(summarize(network))[1], training_operations(network)
    rate = _training_rate(network, config)
    # A validation image costs what its operations cost in training.
    seconds = (images + validated * forward / step) / rate
    bytes_read, reading_rate = (images + validated) * IMAGENET_BYTES, None
    if found is not None:
        stored, reading_rate = _reading(found.train, config)
        drawn = found.name == "shapes"  # by the code, into memory
        if drawn or all(reading.fits_in_memory(split) for split in (found.train, found.validation)):
            bytes_read = 0 if drawn else round(stored * sum(counts.values()))
            seconds += 0 if drawn else sum(counts.values()) / reading_rate
        else:
            bytes_read = round(stored * (images + validated))
            seconds = max(seconds, (images + validated) / reading_rate)  # they are read while the step computes
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
        operations=step * images + forward * validated,
        bytes_read=bytes_read,
        images_per_second=round(rate, 2),
        images_read_per_second=None if reading_rate is None else round(reading_rate, 1),
        hours=round(seconds / 3600, 3),
        frozen_once=config.cache_features and config.freeze != "none",
        precision=policy,
        hardware=describe(),
    )


def _find(config: TrainConfig) -> dataset.DataSet | None:
    try:
        return open_dataset(config.source, build=False)
    except AbsentError:
        if config.data != imagenet.NAME:
            raise
        return None  # its numbers are known


def _training_rate(network: Any, config: TrainConfig) -> float:
    """Images a second of the training step on a batch in memory."""
    work = training_steps(
        network,
        KrizhevskySGD(1e-4),
        batch_size=config.batch_size,
        input_size=config.input_size,
        count=1,
        jit=choose_jit(deterministic=config.deterministic).compile,
    )
    return alternate({"training": work}, ROUNDS, "Measuring the training step")["training"].median


def _reading(split: Split, config: TrainConfig) -> tuple[float, float]:
    """Bytes of a stored picture, and pictures a second through the training pipeline; both of a sample."""
    indices = np.linspace(0, len(split) - 1, min(len(split), 64)).astype(np.int64)
    with reading.naming_unreadable(split):
        pictures = [split.read(tf.constant(index)).numpy() for index in indices]
        stored = float(np.mean([len(image) if isinstance(image, bytes) else image.nbytes for image in pictures]))
        count = min(len(split), SAMPLE)
        batches = pipeline.train_dataset(
            split,
            input_size=config.input_size,
            batch_size=min(config.batch_size, count),
            epochs=tf.data.Dataset.range(1),
            seed=config.seed,
        )
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
