"""data.reading."""

import contextlib
import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data import image_ops
from alexnet_keras.data.color_statistics import ColorStatistics, Moments, color_sums
from alexnet_keras.data.dataset import Split, evenly_spaced
from alexnet_keras.data.decode import why_refused
from alexnet_keras.system import memory
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress

COLOR_SAMPLE = 10_000  # the standard error of a mean colour over so many pictures is below 1 in 255


def pixels(split: Split, index: tf.Tensor) -> tf.Tensor:
    """One picture of a split as `(256, 256, 3)` uint8, 0..255."""
    image = split.read(index)
    if image.dtype == tf.string:
        image = image_ops.crop_encoded(image, tf.zeros(2, tf.int32), tf.constant(False), STORED_SIZE)
    return tf.ensure_shape(image, (STORED_SIZE, STORED_SIZE, 3))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same without tf.data's tuning of its threads, of which there are then as many as cores: no slower here.

    Who gives an iterator up waits for the tuner to wake, which sleeps for 10 ms, then for 20, 40, ... up to a minute:
    up to as long as the iterator has lived.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def fits_in_memory(split: Split) -> bool:
    """Whether a third of the free memory can hold all of a split's decoded pictures."""
    return memory.fits_in_memory(len(split) * STORED_SIZE * STORED_SIZE * 3)


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
            for image in dataset.as_numpy_iterator():
                store[done] = image
                done += 1
                progress.advance(1)
        except tf.errors.OpError as error:  # elements come in order: the one that failed is the next
            raise unreadable(split, done) from error
    images = tf.constant(store)
    return dataclasses.replace(split, read=images.__getitem__, read_batch=lambda indices: tf.gather(images, indices))


def unreadable(split: Split, index: int) -> InputError:
    """The error that names a bad picture."""
    try:
        reason = why_refused(split.read(tf.constant(index, tf.int64)).numpy())
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


def color_statistics(split: Split) -> ColorStatistics:
    """Mean and covariance of red, green and blue over a split; of evenly spaced pictures where it has over 10,000."""
    places = evenly_spaced(len(split), COLOR_SAMPLE)
    dataset = tf.data.Dataset.from_tensor_slices(places).map(lambda index: pixels(split, index), tf.data.AUTOTUNE)
    moments = Moments()
    with Progress("Measuring the colours", len(places)) as progress:
        for image in untuned(dataset).as_numpy_iterator():
            moments.add(color_sums(image))
            progress.advance(1)
    return moments.statistics()
