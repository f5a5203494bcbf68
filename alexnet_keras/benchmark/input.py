"""Images a second of the input pipeline, beside the least that must be done for its kind of pictures."""

import contextlib
import functools
import importlib.util
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.benchmark import Rate, Work, alternate, pillow
from alexnet_keras.config.training import STORED_SIZE, DataSource
from alexnet_keras.config.variants import architecture
from alexnet_keras.data import augmentation, image_ops, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.data.decode import dimensions
from alexnet_keras.data.pipeline import train_dataset
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.distribution.precision import choose_jit, choose_precision
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.hardware import describe
from alexnet_keras.training.compile import compile_for_training, scale_loss
from alexnet_keras.training.optimizer import KrizhevskySGD

# Pictures a measurement: 2 to 4 s of two cores, so that a pipeline's start, a tenth of a second, counts for little.
IMAGES = {"photographs": 2048, "stored JPEGs": 8192, "raw": 32768}
SAMPLE = 1024  # pictures in memory that the ceiling is measured on: 30 MB of JPEGs, 200 MB raw
TRAIN_STEPS = 12  # a measurement


@dataclass(frozen=True)
class InputBenchmark:
    """What `measure` found.

    Attributes:
        pictures: `photographs` of any size, `stored JPEGs` of 256 pixels, or `raw` ones.
        ceiling: what `ceiling_images_per_second` does to pictures that lie in memory.
        images_per_second: of `train_dataset` as training uses it, read from where the data lies.
        pillow_images_per_second: of the two-process loader, for photographs where Pillow is installed.
        first_batch_seconds: from opening the data set to the first batch, without measuring colours.
        constant_batch_images_per_second: of the training step on one batch that is there already.
        training_images_per_second: of the same step, fed by the pipeline.
    """

    data: str
    pictures: str
    images: int
    batch_size: int
    input_size: int
    pca_noise: str | None
    ceiling: str
    first_batch_seconds: float
    images_per_second: Rate
    ceiling_images_per_second: Rate
    pillow_images_per_second: Rate | None
    training_images_per_second: Rate | None
    constant_batch_images_per_second: Rate | None
    hardware: str

    def to_dict(self) -> dict[str, Any]:
        rates = {name: value for name, value in vars(self).items() if isinstance(value, Rate)}
        return {
            **vars(self),
            **{name: round(rate.median, 2) for name, rate in rates.items()},
            **{name: None if value is None else round(value, 3) for name, value in self.ratios.items()},
            "spread": {name: [round(rate.low, 2), round(rate.high, 2)] for name, rate in rates.items()},
        }

    @property
    def ratios(self) -> dict[str, float | None]:
        """The pipeline over its ceiling and over Pillow; the share of training that goes to waiting for input."""
        times_pillow = lost = None
        if self.pillow_images_per_second:
            times_pillow = self.images_per_second.median / self.pillow_images_per_second.median
        if self.training_images_per_second and self.constant_batch_images_per_second:
            lost = 1 - self.training_images_per_second.median / self.constant_batch_images_per_second.median
        return {
            "fraction_of_ceiling": self.images_per_second.median / self.ceiling_images_per_second.median,
            "times_pillow": times_pillow,
            "training_lost_to_input": lost,
        }


def measure(
    source: str | DataSource,
    batch_size: int = 128,
    pca_noise: str | None = "original",
    rounds: int = 7,
    count: int | None = None,
    input_size: int = 227,
    variant: str | None = None,
) -> InputBenchmark:
    """Time the training pipeline of a data set, without first decoding it into memory, as small sets are.

    Args:
        source: a data set.
        batch_size: images a batch.
        pca_noise: `"paper"`, `"original"` or `None`.
        rounds: how often each is measured.
        count: images a measurement, of the pipeline and of its ceiling; `None` for some seconds' worth.
        input_size: side of the images in pixels.
        variant: train this variant beside it, on the pipeline and on one constant batch; `None` leaves that out.
    """
    start = time.perf_counter()
    dataset = open_dataset(source)
    split = dataset.train
    opened = time.perf_counter() - start
    noise = None
    if pca_noise:
        with reading.naming_unreadable(split):
            noise = augmentation.pca_noise(pca_noise, dataset.statistics or reading.color_statistics(split))
    pipeline = train_dataset(
        split,
        input_size=input_size,
        batch_size=batch_size,
        epochs=tf.data.Dataset.range(2**40),
        seed=0,
        noise=noise,
    )
    start = time.perf_counter()
    with reading.naming_unreadable(split):
        next(iter(pipeline))
    first = opened + time.perf_counter() - start

    pictures, kind = _sample(split)
    count = count or IMAGES[kind]
    ceiling, work = _ceiling(pictures, kind, input_size, batch_size, count)
    subjects = {"pipeline": _drain(pipeline.take(math.ceil(count / batch_size))), "ceiling": work}
    with contextlib.ExitStack() as stack:
        if kind == "photographs" and importlib.util.find_spec("PIL"):
            pool = stack.enter_context(pillow.processes())
            encoded = [image.numpy() for image in pictures]
            subjects["pillow"] = pillow.loader(pool, encoded * math.ceil(count / len(encoded)), input_size)
            subjects["pillow"]()  # starts the processes
        rates: dict[str, Rate] = alternate(subjects, rounds, "Measuring the input")
    if variant:
        rates |= alternate(_training(pipeline, variant, len(dataset.class_names)), rounds, "Measuring training")
    return InputBenchmark(
        data=str(source),
        pictures=kind,
        images=len(split),
        batch_size=batch_size,
        input_size=input_size,
        pca_noise=pca_noise,
        ceiling=ceiling,
        first_batch_seconds=round(first, 3),
        images_per_second=rates["pipeline"],
        ceiling_images_per_second=rates["ceiling"],
        pillow_images_per_second=rates.get("pillow"),
        training_images_per_second=rates.get("training"),
        constant_batch_images_per_second=rates.get("constant"),
        hardware=describe(),
    )


def _sample(split: Split) -> tuple[list[tf.Tensor], str]:
    """Evenly spaced pictures of a split as they are stored, and their kind."""
    places = np.linspace(0, len(split) - 1, min(len(split), SAMPLE)).astype(np.int64)
    with reading.naming_unreadable(split):
        pictures = [split.read(tf.constant(place)) for place in places]
    if pictures[0].dtype == tf.uint8:
        return pictures, "raw"
    sizes = {tuple(dimensions(image).numpy()) for image in pictures}
    jpeg = all(image.numpy().startswith(b"\xff\xd8\xff") for image in pictures)
    return pictures, "stored JPEGs" if jpeg and sizes == {(STORED_SIZE, STORED_SIZE)} else "photographs"


def _ceiling(pictures: list[tf.Tensor], kind: str, size: int, batch_size: int, count: int) -> tuple[str, Work]:
    """What cannot be left out for a kind of pictures, and work that does it to pictures in memory."""
    indices = tf.data.Dataset.range(count).map(lambda index: index % len(pictures))
    offset = (STORED_SIZE - size) // 2
    if kind == "raw":
        batch = np.stack([pictures[place % len(pictures)] for place in range(batch_size)])  # to gather one would count

        def cut(indices: np.ndarray) -> np.ndarray:
            offsets = np.full((len(indices), 2), offset)
            return image_ops.crop_and_flip_arrays(batch[: len(indices)], offsets, indices % 2 == 0, size)

        def work(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.numpy_function(cut, [indices], tf.uint8, stateful=False), indices

        return "crop and mirror alone", _drain(indices.batch(batch_size).map(work, tf.data.AUTOTUNE))
    held = tf.stack(pictures)
    if kind == "stored JPEGs":
        name, window = "decode_and_crop_jpeg alone", [offset, offset, size, size]
        decode = functools.partial(tf.io.decode_and_crop_jpeg, crop_window=window, channels=3)
    else:
        name = "the decoder alone"
        decode = functools.partial(tf.io.decode_image, channels=3, expand_animations=False)
    # A value of each goes into the batches: copying all of it is not decoding, and to come out one by one costs more.
    return name, _drain(
        indices.map(lambda index: (0, decode(held[index])[0, 0, 0]), tf.data.AUTOTUNE).batch(batch_size)
    )


def _drain(dataset: tf.data.Dataset) -> Work:
    """Runs through a data set from its beginning, so that nothing was made ready before the clock started.

    Untuned, for the tuner's sleep at the end would count: rates of exactly 800, 1,600 and 3,200 a second are its work.

    Args:
        dataset: of batches with their labels.
    """

    untuned = reading.untuned(dataset)

    def work() -> int:
        return sum(len(labels) for _, labels in untuned)

    work()
    return work


def _training(pipeline: tf.data.Dataset, variant: str, classes: int) -> dict[str, Work]:
    """Some training steps on the pipeline, and as many of the same model on its first batch."""
    images_, labels = next(iter(pipeline))
    policy = choose_precision("auto").policy
    shape = tuple(images_.shape[1:])
    model = AlexNet(architecture(variant), classes=classes, input_shape=shape, classifier_activation=None, dtype=policy)
    optimizer = scale_loss(KrizhevskySGD(1e-4), policy)
    compile_for_training(model, optimizer, jit_compile=choose_jit().compile)
    model.make_train_function()

    def steps(batches: Any) -> Work:
        def work() -> int:
            for _ in range(TRAIN_STEPS):
                logs = model.train_function(batches)
            float(logs["loss"])  # waits for a GPU
            return TRAIN_STEPS * len(labels)

        work()
        return work

    constant = tf.data.Dataset.from_tensors((images_, labels)).repeat()
    return {"training": steps(iter(pipeline)), "constant": steps(iter(constant))}
