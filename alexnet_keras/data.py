"""From a split to batches: wiring only. Pictures are made by images.py, found by datasets.py."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import tensorflow as tf

from alexnet_keras import datasets, images
from alexnet_keras.config import STORED_SIZE, InputError, OptionError
from alexnet_keras.datasets import Split
from alexnet_keras.progress import Progress

MEAN_SAMPLE = 10_000  # the standard error of a mean colour over so many pictures is below 1 in 255
CROP, MIRROR = 0, 1  # one random stream a decision


def pixels(split: Split, index: tf.Tensor) -> tf.Tensor:
    """One picture of a split as `(256, 256, 3)` uint8, 0..255."""
    picture = split.read(index)
    if picture.dtype == tf.string:
        picture = images.resize_and_crop(images.decode(picture))
    return tf.ensure_shape(picture, (STORED_SIZE, STORED_SIZE, 3))


def load_data(
    source: str = "shapes", *, batch_size: int = 128, input_size: int = 227, seed: int = 0
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """A data set for `model.fit`: augmented training batches and central crops for validation.

    Args:
        source: `"shapes"`, a folder `<root>/{train,val}/<class>/*.{JPEG,jpg,png}`, or the name of a TFDS data set.
        batch_size: images a batch; the last batch of an epoch may be smaller.
        input_size: side of the crops in pixels, at most 256.
        seed: of order and augmentation; every iteration over the training batches draws both anew.

    Returns:
        Training and validation batches: `(B, input_size, input_size, 3)` uint8, 0..255, with `(B,)` int64 labels. Both
        have an attribute `class_names`.

    Raises:
        OptionError: there is no such data set, or a number is out of its range.
        InputError: the data set cannot be trained on.
    """
    if batch_size < 1:
        raise OptionError(f"batch_size must be at least 1, got {batch_size}.")
    if not 1 <= input_size <= STORED_SIZE:
        raise OptionError(f"input_size must be 1 to {STORED_SIZE}, got {input_size}.")
    dataset = datasets.load(source)
    train_split, validation_split = dataset.train, dataset.validation
    epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    train = train_dataset(
        in_memory(train_split, f"{dataset.name} for training"),
        input_size=input_size,
        batch_size=batch_size,
        epochs=epochs,
        seed=seed,
    )
    train = train.apply(tf.data.experimental.assert_cardinality(steps_per_epoch(len(train_split), batch_size)))
    validation = eval_dataset(
        in_memory(validation_split, f"{dataset.name} for validation"), input_size=input_size, batch_size=batch_size
    )
    train.class_names = validation.class_names = dataset.class_names  # as keras.utils.image_dataset_from_directory does
    return train, validation


def in_memory(split: Split, label: str) -> Split:
    """Decode a split once, if a third of the free memory can hold it; else leave it as it is.

    Decoding 224-pixel JPEGs takes about a tenth of the time of a training step, in every epoch. Besides, a picture that
    cannot be read is found before training and not an hour into it.

    Raises:
        InputError: a picture cannot be read; the message names it.
    """
    needed = len(split) * STORED_SIZE * STORED_SIZE * 3
    if needed > psutil.virtual_memory().available / 3:
        return split
    if split.read(tf.constant(0, tf.int64)).dtype == tf.uint8:
        return split
    store = np.empty((len(split), STORED_SIZE, STORED_SIZE, 3), np.uint8)
    dataset = tf.data.Dataset.range(len(split)).map(lambda index: pixels(split, index), tf.data.AUTOTUNE)
    done = 0
    with Progress(f"Reading {label}", len(split)) as progress:
        try:
            for picture in dataset.as_numpy_iterator():
                store[done] = picture
                done += 1
                progress.advance(1)
        except tf.errors.OpError as error:  # elements come in order: the one that failed is the next
            raise unreadable(split, done) from error
    return dataclasses.replace(split, read=tf.constant(store).__getitem__)


def unreadable(split: Split, index: int) -> InputError:
    """The error that names a bad picture."""
    try:
        empty = not tf.strings.length(split.read(tf.constant(index, tf.int64)))
        reason = "is empty" if empty else "is not a complete JPEG, PNG, GIF or BMP picture"
    except tf.errors.OpError:
        reason = "cannot be read from the disk"
    return InputError(f"{split.names[index]} {reason}; replace or remove it.")


@contextlib.contextmanager
def naming_unreadable(*splits: Split) -> Iterator[None]:
    """Name the picture that could not be read, should one stop a pipeline: tf.data fails without saying where.

    Raises:
        InputError: a picture of `splits` cannot be read.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise  # no picture's fault
    except tf.errors.OpError as error:
        for split in splits:
            with Progress("Looking for the picture that could not be read", len(split)) as progress:
                for index in range(len(split)):
                    try:
                        pixels(split, tf.constant(index, tf.int64))
                    except tf.errors.OpError:
                        raise unreadable(split, index) from error
                    progress.advance(1)
        raise


def mean_colour(split: Split) -> tuple[float, float, float]:
    """Mean of red, green and blue over a split, 0..255; of evenly spaced pictures where it has over 10,000."""
    places = np.linspace(0, len(split) - 1, min(len(split), MEAN_SAMPLE)).astype(np.int64)
    dataset = (
        tf.data.Dataset.from_tensor_slices(places)
        .map(lambda index: tf.reduce_mean(tf.cast(pixels(split, index), tf.float32), axis=(0, 1)), tf.data.AUTOTUNE)
        .batch(64)
    )
    total = np.zeros(3)
    with Progress("Measuring the mean colour", len(places)) as progress:
        for batch in dataset.as_numpy_iterator():
            total += batch.sum(axis=0, dtype=np.float64)
            progress.advance(len(batch))
    red, green, blue = (round(float(value), 3) for value in total / len(places))
    return red, green, blue


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Batches that hold every image once; the last may be smaller."""
    return math.ceil(num_images / batch_size)


@dataclass(frozen=True)
class Share:
    """What one of several hosts reads of every global batch: the places `index, index + count, ...` of an epoch."""

    index: int = 0
    count: int = 1


def train_dataset(
    split: Split,
    *,
    input_size: int,
    batch_size: int,
    epochs: tf.data.Dataset,
    seed: int,
    steps: int = -1,
    first_step: int = 0,
    share: Share = Share(),
) -> tf.data.Dataset:
    """Augmented batches: every picture once an epoch, in an order of that epoch's own.

    Order and augmentation are functions of `seed`, the epoch's number and the picture's place in it, so they are the
    same whatever the number of threads and hosts, and wherever the first epoch is entered.

    Args:
        split: the training pictures.
        input_size: side of the random crop, at most 256.
        batch_size: pictures a global batch, a multiple of `share.count`; the last batch of an epoch may be smaller.
        epochs: int64 numbers of the epochs to run through.
        seed: any integer.
        steps: take only so many batches of each epoch; -1 for all.
        first_step: batches of the first epoch that are passed over, unread.
        share: which pictures of each batch are this host's. Every share has equally many batches, so that hosts stay
            in step: the last of an epoch may be empty.

    Returns:
        `(B / share.count, input_size, input_size, 3)` uint8, 0..255, with `(B / share.count,)` int64 labels.

    Raises:
        OptionError: the batch cannot be shared out evenly.
    """
    if batch_size % share.count:
        raise OptionError(
            f"batch_size {batch_size} cannot be dealt out to {share.count} hosts; choose a multiple of {share.count}."
        )
    labels = tf.constant(split.labels)
    count = len(split)
    local = batch_size // share.count
    batches = steps_per_epoch(count, batch_size) if steps < 0 else min(steps, steps_per_epoch(count, batch_size))
    places = np.arange(count)[: batches * batch_size][share.index :: share.count]
    missing = batches - math.ceil(len(places) / local)  # 0, or 1 where the last batch has no picture for this share

    def example(place: tf.Tensor, index: tf.Tensor, epoch_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image_seed = tf.random.experimental.stateless_fold_in(epoch_seed, place)
        image = pixels(split, index)
        image = images.random_crop(image, input_size, tf.random.experimental.stateless_fold_in(image_seed, CROP))
        image = images.random_mirror(image, tf.random.experimental.stateless_fold_in(image_seed, MIRROR))
        return image, labels[index]

    def epoch_batches(turn: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), epoch_seed)
        skipped = tf.where(turn == 0, local * first_step, 0)
        mine = tf.constant(places)[skipped:]
        batched = (
            tf.data.Dataset.from_tensor_slices((mine, tf.gather(order, mine)))
            .map(lambda place, index: example(place, index, epoch_seed), tf.data.AUTOTUNE)
            .batch(local)
        )
        if not missing:
            return batched
        shape = (0, input_size, input_size, 3)
        return batched.concatenate(tf.data.Dataset.from_tensors((tf.zeros(shape, tf.uint8), labels[:0])))

    return epochs.enumerate().flat_map(epoch_batches).prefetch(tf.data.AUTOTUNE)


def eval_dataset(
    split: Split, *, input_size: int, batch_size: int, view: Callable[[tf.Tensor, int], tf.Tensor] = images.centre_crop
) -> tf.data.Dataset:
    """Views of the pictures in the stored order, every picture exactly once; the last batch may be smaller.

    Args:
        split: the pictures.
        input_size: side of a view in pixels, at most 256.
        batch_size: pictures a batch.
        view: `images.centre_crop`, or `images.ten_views`, which adds a dimension after the first.

    Returns:
        `(B, input_size, input_size, 3)` uint8, 0..255, with `(B,)` int64 labels.
    """
    labels = tf.constant(split.labels)

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return view(pixels(split, index), input_size), labels[index]

    return tf.data.Dataset.range(len(split)).map(example, tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)
