"""Speed of the input pipeline, against the work that no pipeline can avoid for the same kind of images."""

import contextlib
import functools
import importlib.util
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import Rate, Work, alternate, pillow, summarize_rates
from alexnet_keras.benchmark.train import check_batch, measured_optimizer, network_to_train, training_steps
from alexnet_keras.config.training import Source
from alexnet_keras.data import image_ops, reading
from alexnet_keras.data.crop_windows import center_corner
from alexnet_keras.data.dataset import DataSet, ImageForm, Split, evenly_spaced
from alexnet_keras.data.decode import DCT, is_jpeg
from alexnet_keras.data.image_files import JPEG, size_of
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.data.pipeline import train_dataset
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.distribution.precision import choose_precision
from alexnet_keras.system.hardware import describe
from alexnet_keras.training.compile import compile_for_training

# Images in a measurement: 2 to 4 s of two cores, so that the start of a pipeline, 0.1 s, does not count much.
IMAGES = {"photographs": 2048, "stored JPEGs": 8192, "raw": 32768}
SAMPLE = 1024  # images in memory for the ceiling: 30 MB of JPEGs, 200 MB of raw images
TRAIN_STEPS = 12  # training steps in a measurement
INPUT_SIZE = 227  # side of the crops in pixels, as in the paper


@dataclass(frozen=True)
class InputBenchmark:
    """Result of `measure`.

    Attributes:
        kind: kind of the images: `photographs` of any size, `stored JPEGs` of the stored size, or `raw` pixels.
        ceiling: the work of `ceiling_images_per_second`, which is done on images in memory.
        images_per_second: of the training pipeline, read from where the data lies.
        processor_ms: processor time of the pipeline for an image, in milliseconds.
        fixed_images_per_second, fixed_processor_ms: the same of the pipeline with crops that are not resized, if
            `min_crop_area` is set.
        pillow_images_per_second: of the loader with two processes, for photographs if Pillow is installed.
        first_batch_seconds: from opening the data set to the first batch, without measuring the colour statistics.
        constant_batch_images_per_second: of the training step on one batch in memory.
        training_images_per_second: of the same step on the pipeline.
    """

    data: str
    kind: str
    images: int
    batch_size: int
    input_size: int
    pca_noise: str | None
    min_crop_area: float | None
    ceiling: str
    first_batch_seconds: float
    images_per_second: Rate
    processor_ms: float
    ceiling_images_per_second: Rate
    fixed_images_per_second: Rate | None
    fixed_processor_ms: float | None
    pillow_images_per_second: Rate | None
    training_images_per_second: Rate | None
    constant_batch_images_per_second: Rate | None
    hardware: str

    def to_dict(self) -> dict[str, Any]:
        ratios = {name: None if value is None else round(value, 3) for name, value in self.ratios.items()}
        return {**summarize_rates(self), **ratios}

    @property
    def ratios(self) -> dict[str, float | None]:
        """The pipeline in relation to its ceiling and to Pillow, and the fraction of training that waits for input."""

        def quotient(one: Rate | None, other: Rate | None) -> float | None:
            return one.median / other.median if one and other else None

        trained = quotient(self.training_images_per_second, self.constant_batch_images_per_second)
        return {
            "fraction_of_ceiling": quotient(self.images_per_second, self.ceiling_images_per_second),
            "times_pillow": quotient(self.images_per_second, self.pillow_images_per_second),
            "training_lost_to_input": None if trained is None else 1 - trained,
        }


def measure(
    source: Source,
    batch_size: int,
    pca_noise: str | None,
    rounds: int,
    count: int | None,
    *,
    variant: str | None = None,
    min_crop_area: float | None = None,
) -> InputBenchmark:
    """Measure the training pipeline of a data set, without the cache in memory that training has for small data sets.

    Args:
        count: images in a measurement of the pipeline and of its ceiling; `None` for a few seconds.
        variant: also train this network, on the pipeline and on one constant batch; `None` omits both.
    """
    check_batch(batch_size, INPUT_SIZE)
    dataset, pipelines, first = _open(source, batch_size, pca_noise, min_crop_area)
    split = dataset.train
    sample, kind = _sample(split)
    count = count or IMAGES[kind]
    corner = center_corner(split.stored_size, INPUT_SIZE)
    ceiling, work = _ceiling(sample, kind, INPUT_SIZE, corner, batch_size, count)
    batches = math.ceil(count / batch_size)
    spent: dict[str, list[float]] = {name: [] for name in pipelines}
    subjects = {name: _timed(_drain(each.take(batches)), spent[name]) for name, each in pipelines.items()}
    subjects["ceiling"] = work
    with contextlib.ExitStack() as stack:
        if kind == "photographs" and importlib.util.find_spec("PIL"):
            pool = stack.enter_context(pillow.processes())
            images = [image.numpy() for image in sample] * math.ceil(count / len(sample))
            subjects["pillow"] = pillow.loader(pool, images, INPUT_SIZE, split.stored_size)
            subjects["pillow"]()  # starts the processes
        rates: dict[str, Rate] = alternate(subjects, rounds, "Measuring the input")
    if variant:
        rates |= alternate(
            _training(pipelines["pipeline"], variant, len(dataset.class_names)), rounds, "Measuring training"
        )
    processor = {name: round(statistics.median(each), 3) for name, each in spent.items()}
    return InputBenchmark(
        data=str(source),
        kind=kind,
        images=len(split),
        batch_size=batch_size,
        input_size=INPUT_SIZE,
        pca_noise=pca_noise,
        min_crop_area=min_crop_area,
        ceiling=ceiling,
        first_batch_seconds=round(first, 3),
        images_per_second=rates["pipeline"],
        processor_ms=processor["pipeline"],
        fixed_images_per_second=rates.get("fixed"),
        fixed_processor_ms=processor.get("fixed"),
        ceiling_images_per_second=rates["ceiling"],
        pillow_images_per_second=rates.get("pillow"),
        training_images_per_second=rates.get("training"),
        constant_batch_images_per_second=rates.get("constant"),
        hardware=describe(),
    )


def _open(
    source: Source, batch_size: int, pca_noise: str | None, min_crop_area: float | None
) -> tuple[DataSet, dict[str, tf.data.Dataset], float]:
    """Open a data set and its training pipelines, and measure the seconds to the first batch.

    Returns:
        The pipeline as `pipeline` and, with `min_crop_area`, the one with crops that are not resized as `fixed`.
    """
    start = time.perf_counter()
    dataset = open_dataset(source)
    split = dataset.train
    opened = time.perf_counter() - start
    with reading.naming_unreadable(split):
        noise = noise_of(pca_noise, dataset.statistics or reading.color_statistics(split)) if pca_noise else None
    shared: dict[str, Any] = {"input_size": INPUT_SIZE, "batch_size": batch_size, "seed": 0, "noise": noise}
    make = functools.partial(train_dataset, split, epochs=tf.data.Dataset.range(2**40), **shared)
    pipelines = {"pipeline": make(min_crop_area=min_crop_area)}
    if min_crop_area is not None:
        pipelines["fixed"] = make()
    start = time.perf_counter()
    with reading.naming_unreadable(split):
        next(iter(pipelines["pipeline"]))
    return dataset, pipelines, opened + time.perf_counter() - start


def _sample(split: Split) -> tuple[list[tf.Tensor], str]:
    """Read evenly spaced images of a split as they are stored, and return them with their kind."""
    with reading.naming_unreadable(split):
        images = [split.read(tf.constant(index)) for index in evenly_spaced(len(split), SAMPLE)]
    if split.form is ImageForm.DECODED:
        return images, "raw"
    encoded = [image.numpy() for image in images]
    sizes = {size_of(image) for image in encoded}
    jpeg = all(image.startswith(JPEG) for image in encoded)
    return images, "stored JPEGs" if jpeg and sizes == {(split.stored_size, split.stored_size)} else "photographs"


def _ceiling(
    images: list[tf.Tensor], kind: str, size: int, offset: int, batch_size: int, count: int
) -> tuple[str, Work]:
    """Return a name for the work that no pipeline can avoid, and that work on images in memory."""
    indices = tf.data.Dataset.range(count).map(lambda index: index % len(images))
    if kind == "raw":
        batch = np.stack([images[index % len(images)] for index in range(batch_size)])  # gathering would take time

        def crop(indices: np.ndarray) -> np.ndarray:
            offsets = np.full((len(indices), 2), offset)
            return image_ops.crop_and_flip_arrays(batch[: len(indices)], offsets, indices % 2 == 0, size=size)

        def work(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.numpy_function(crop, [indices], tf.uint8, stateful=False), indices

        return "crop and flip alone", _drain(indices.batch(batch_size).map(work, tf.data.AUTOTUNE))
    held = tf.stack(images)
    decode: Callable[..., tf.Tensor]
    if kind == "stored JPEGs":
        name, window = "decode_and_crop_jpeg alone", [offset, offset, size, size]
        decode = functools.partial(tf.io.decode_and_crop_jpeg, crop_window=window, channels=3, dct_method=DCT)
    else:
        name = "the decoder alone"
        decode = _decode_any
    # Only one value of each image enters the batches, because copying all pixels is not part of decoding.
    return name, _drain(
        indices.map(lambda index: (0, decode(held[index])[0, 0, 0]), tf.data.AUTOTUNE).batch(batch_size)
    )


def _decode_any(encoded: tf.Tensor) -> tf.Tensor:
    return tf.cond(
        is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method=DCT),
        lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
    )


def _drain(dataset: tf.data.Dataset) -> Work:
    """Return work that iterates over batches with labels from the beginning, so that nothing is ready before.

    The autotune thread is off: an iterator waits at its end until that thread wakes, which would count.
    """
    untuned = reading.untuned(dataset)

    def work() -> int:
        return sum(len(labels) for _, labels in untuned)

    work()
    return work


def _timed(work: Work, spent: list[float]) -> Work:
    """Return the work, which appends its processor time for an item in milliseconds to `spent`."""

    def timed() -> int:
        start = time.process_time()
        items = work()
        spent.append(1000 * (time.process_time() - start) / items)
        return items

    return timed


def _training(pipeline: tf.data.Dataset, variant: str, classes: int) -> dict[str, Work]:
    """Return training steps on the pipeline, and as many steps of the same model on its first batch."""
    batch = next(iter(pipeline))
    policy = choose_precision("auto").policy
    model = network_to_train(variant, classes, batch[0].shape[1], policy)
    compile_for_training(model, measured_optimizer(policy))
    constant = tf.data.Dataset.from_tensors(batch).repeat()
    return {
        "training": training_steps(model, iter(pipeline), TRAIN_STEPS),
        "constant": training_steps(model, iter(constant), TRAIN_STEPS),
    }
