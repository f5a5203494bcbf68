"""From a split to batches: wiring only. Pictures are made by images.py, found by datasets.py."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import tensorflow as tf

from alexnet_keras import augmentation, datasets, images
from alexnet_keras.augmentation import ColourNoise, Draws
from alexnet_keras.config.training import COLOUR_NOISES, STORED_SIZE
from alexnet_keras.datasets import Split
from alexnet_keras.moments import ColourStatistics, Moments
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress

COLOUR_SAMPLE = 10_000  # the standard error of a mean colour over so many pictures is below 1 in 255
READY = 2  # batches that wait for the network: enough to even out, and 80 MB each where they are float32


def pixels(split: Split, index: tf.Tensor) -> tf.Tensor:
    """One picture of a split as `(256, 256, 3)` uint8, 0..255."""
    picture = split.read(index)
    if picture.dtype == tf.string:
        picture = images.crop_encoded(picture, tf.zeros(2, tf.int32), tf.constant(False), STORED_SIZE)
    return tf.ensure_shape(picture, (STORED_SIZE, STORED_SIZE, 3))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same without tf.data's tuning of its threads, of which there are then as many as cores: no slower here.

    Who gives an iterator up waits for the tuner to wake, which sleeps for 10 ms, then for 20, 40, ... up to a minute:
    up to as long as the iterator has lived.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def load_data(
    source: str = "shapes",
    *,
    batch_size: int = 128,
    input_size: int = 227,
    seed: int = 0,
    colour_noise: str | None = None,
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """A data set for `model.fit`: augmented training batches and central crops for validation.

    Args:
        source: `"shapes"`, a folder `<root>/{train,val}/<class>/*.{JPEG,jpg,png}`, or the name of a TFDS data set.
        batch_size: images a batch; the last batch of an epoch may be smaller.
        input_size: side of the crops in pixels, at most 256.
        seed: of order and augmentation; every iteration over the training batches draws both anew.
        colour_noise: `"paper"`, `"original"` (`augmentation.colour_noise` has the arithmetic) or `None` for none.

    Returns:
        Training and validation batches: `(B, input_size, input_size, 3)` uint8, 0..255, with `(B,)` int64 labels; with
        colour noise, training images are float32. Both have an attribute `class_names`.

    Raises:
        OptionError: there is no such data set, or a number is out of its range.
        InputError: the data set cannot be trained on.
    """
    if batch_size < 1:
        raise OptionError(f"batch_size must be at least 1, got {batch_size}.")
    if not 1 <= input_size <= STORED_SIZE:
        raise OptionError(f"input_size must be 1 to {STORED_SIZE}, got {input_size}.")
    if colour_noise not in (None, *COLOUR_NOISES):
        raise OptionError(f"colour_noise must be None or one of {', '.join(COLOUR_NOISES)}, got {colour_noise!r}.")
    dataset = datasets.load(source)
    train_split = in_memory(dataset.train, f"{dataset.name} for training")
    validation_split = in_memory(dataset.validation, f"{dataset.name} for validation")
    noise = None
    if colour_noise:
        noise = augmentation.colour_noise(colour_noise, dataset.statistics or colour_statistics(train_split))
    epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    train = train_dataset(
        train_split,
        input_size=input_size,
        batch_size=batch_size,
        epochs=epochs,
        seed=seed,
        noise=noise,
    )
    train = train.apply(tf.data.experimental.assert_cardinality(steps_per_epoch(len(train_split), batch_size)))
    validation = eval_dataset(validation_split, input_size=input_size, batch_size=batch_size)
    train.class_names = validation.class_names = dataset.class_names  # as keras.utils.image_dataset_from_directory does
    return train, validation


def fits_in_memory(split: Split) -> bool:
    """Whether a third of the free memory can hold all of a split's decoded pictures."""
    return len(split) * STORED_SIZE * STORED_SIZE * 3 <= psutil.virtual_memory().available / 3


def in_memory(split: Split, label: str) -> Split:
    """Decode a split once, if a third of the free memory can hold it; else leave it as it is.

    Decoding 224-pixel JPEGs takes about a tenth of the time of a training step, in every epoch. Besides, a picture that
    cannot be read is found before training and not an hour into it.

    Raises:
        InputError: a picture cannot be read; the message names it.
    """
    if not fits_in_memory(split):
        return split
    if split.read(tf.constant(0, tf.int64)).dtype == tf.uint8:
        return split
    store = np.empty((len(split), STORED_SIZE, STORED_SIZE, 3), np.uint8)
    dataset = untuned(tf.data.Dataset.range(len(split)).map(lambda index: pixels(split, index), tf.data.AUTOTUNE))
    done = 0
    with Progress(f"Reading {label}", len(split)) as progress:
        try:
            for picture in dataset.as_numpy_iterator():
                store[done] = picture
                done += 1
                progress.advance(1)
        except tf.errors.OpError as error:  # elements come in order: the one that failed is the next
            raise unreadable(split, done) from error
    pictures = tf.constant(store)
    return dataclasses.replace(
        split, read=pictures.__getitem__, read_batch=lambda indices: tf.gather(pictures, indices)
    )


def unreadable(split: Split, index: int) -> InputError:
    """The error that names a bad picture."""
    try:
        reason = images.why_refused(split.read(tf.constant(index, tf.int64)).numpy())
    except tf.errors.OpError:
        if split.problems:
            return InputError(split.problems[0])
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
            if split.problems:
                raise InputError(split.problems[0]) from error
        for split in splits:
            with Progress("Looking for the picture that could not be read", len(split)) as progress:
                for index in range(len(split)):
                    try:
                        pixels(split, tf.constant(index, tf.int64))
                    except tf.errors.OpError:
                        raise unreadable(split, index) from error
                    progress.advance(1)
        raise


def colour_statistics(split: Split) -> ColourStatistics:
    """Mean and covariance of red, green and blue over a split; of evenly spaced pictures where it has over 10,000."""
    places = np.linspace(0, len(split) - 1, min(len(split), COLOUR_SAMPLE)).astype(np.int64)
    dataset = tf.data.Dataset.from_tensor_slices(places).map(lambda index: pixels(split, index), tf.data.AUTOTUNE)
    moments = Moments(STORED_SIZE)
    with Progress("Measuring the colours", len(places)) as progress:
        for picture in untuned(dataset).as_numpy_iterator():
            moments.add(picture)
            progress.advance(1)
    return moments.statistics()


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
    noise: ColourNoise | None = None,
    centred: bool = False,
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
        noise: what to do to the images' colours.
        centred: whether crops are the central ones, mirrored at random.

    Returns:
        `(B / share.count, input_size, input_size, 3)` uint8, 0..255, with `(B / share.count,)` int64 labels. With
        `noise`, float32, and a little beyond 0..255: rounded to uint8, a component whose standard deviation is a tenth
        of a grey level would be lost, and bright images could not become brighter.

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

    def epoch_batches(turn: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
        draws = augmentation.draw(count, input_size, seed, epoch, centred=centred)
        skipped = tf.where(turn == 0, local * first_step, 0)
        dataset = tf.data.Dataset.from_tensor_slices(tf.constant(places)[skipped:])
        crops = _crops_by_batch if split.read_batch else _crops_one_by_one
        dataset = crops(dataset, split, draws, input_size, local)
        if missing:
            nothing = (tf.zeros((0, input_size, input_size, 3), tf.uint8), tf.zeros((0,), tf.int64))
            dataset = dataset.concatenate(tf.data.Dataset.from_tensors(nothing))

        def finish(cropped: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            if noise:
                shifts = tf.gather(draws.colour, places) @ tf.constant(noise.directions, tf.float32)
                cropped = images.shift_colours(cropped, shifts, noise.mean, noise.divisor)
            return cropped, tf.gather(labels, tf.gather(draws.order, places))

        return dataset.map(finish, tf.data.AUTOTUNE)

    return untuned(epochs.enumerate().flat_map(epoch_batches).prefetch(READY))


def _crops_one_by_one(
    places: tf.data.Dataset, split: Split, draws: Draws, size: int, batch_size: int
) -> tf.data.Dataset:
    """Crops with their places, from pictures that are read one by one, as many at a time as there are threads."""

    def example(place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picture = split.read(draws.order[place])
        offset, mirrored = draws.offsets[place], draws.mirrored[place]
        if picture.dtype == tf.string:
            return images.crop_encoded(picture, offset, mirrored, size), place
        return images.mirror(images.crop(picture, offset, size), mirrored), place

    return places.map(example, tf.data.AUTOTUNE).batch(batch_size)


def _crops_by_batch(places: tf.data.Dataset, split: Split, draws: Draws, size: int, batch_size: int) -> tf.data.Dataset:
    """The same from pictures that are read by the batch; those that must be decoded are dealt out to threads."""
    read_batch = split.read_batch
    assert read_batch is not None

    def example(encoded: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return images.crop_stored(encoded, draws.offsets[place], draws.mirrored[place], size), place

    def examples(pictures: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        offsets, mirrored = tf.gather(draws.offsets, places), tf.gather(draws.mirrored, places)
        return images.crop_and_mirror(pictures, offsets, mirrored, size), places

    batches = places.batch(batch_size).map(
        lambda places: (read_batch(tf.gather(draws.order, places)), places), tf.data.AUTOTUNE
    )
    if batches.element_spec[0].dtype == tf.string:
        return batches.unbatch().map(example, tf.data.AUTOTUNE).batch(batch_size)
    return batches.map(examples, tf.data.AUTOTUNE)


def eval_dataset(
    split: Split,
    *,
    input_size: int,
    batch_size: int,
    view: Callable[[tf.Tensor, int], tf.Tensor] = images.centre_crop,
    share: Share = Share(),
) -> tf.data.Dataset:
    """Views of the pictures in the stored order, every picture exactly once; the last batch may be smaller.

    Args:
        split: the pictures.
        input_size: side of a view in pixels, at most 256.
        batch_size: pictures a global batch, a multiple of `share.count`.
        view: `images.centre_crop`, or `images.ten_views`, which adds a dimension after the first.
        share: which pictures of each batch are this host's; all shares together have every picture once, and each has
            equally many batches, the last of which may be empty.

    Returns:
        `(B / share.count, input_size, input_size, 3)` uint8, 0..255, with `(B / share.count,)` int64 labels.
    """
    labels = tf.constant(split.labels)
    mine = np.arange(len(split))[share.index :: share.count]
    local = batch_size // share.count

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return view(pixels(split, index), input_size), labels[index]

    batches = tf.data.Dataset.from_tensor_slices(mine).map(example, tf.data.AUTOTUNE).batch(local)
    if steps_per_epoch(len(mine), local) < steps_per_epoch(len(split), batch_size):
        shapes = tf.nest.map_structure(lambda spec: tf.zeros((0, *spec.shape[1:]), spec.dtype), batches.element_spec)
        batches = batches.concatenate(tf.data.Dataset.from_tensors(shapes))
    return untuned(batches.prefetch(READY))
