"""Read a split: into memory, for its colours, and to find the image that cannot be read."""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from alexnet_keras.data.color_statistics import ColorStatistics, Moments, color_sums
from alexnet_keras.data.dataset import ImageForm, Split, evenly_spaced, split_in_memory
from alexnet_keras.data.image_files import why_refused
from alexnet_keras.system import memory, native_stderr
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress

COLOR_SAMPLE = 10_000  # images; the standard error of their mean colour is below 1 of 255 grey levels


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the data set without tf.data's autotuning, so that it uses one thread a core; that is no slower here.

    Destroying an iterator blocks until the autotune thread wakes. That thread sleeps for 10, 20, 40 ms and so on, up to
    a minute, so the wait can be as long as the iterator has lived.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def fits_in_memory(split: Split) -> bool:
    """Whether memory can hold all decoded images of a split."""
    return memory.fits_in_memory(len(split) * split.stored_size**2 * 3)


def in_memory(split: Split, label: str) -> Split:
    """Decode a split once and keep it in memory, if it fits; otherwise return it as it is.

    Decoding 224-pixel JPEGs takes about a tenth of the time of a training step, in every epoch. Decoding all images
    first also finds an unreadable one before training and not an hour into it.
    """
    if split.form is ImageForm.DECODED or not fits_in_memory(split):
        return split
    store = np.empty((len(split), split.stored_size, split.stored_size, 3), np.uint8)
    dataset = untuned(tf.data.Dataset.range(len(split)).map(split.pixels, tf.data.AUTOTUNE))
    done = 0
    with native_stderr.silenced(), Progress(f"Reading {label}", len(split)) as progress:
        try:
            for image in dataset.as_numpy_iterator():
                store[done] = image
                done += 1
                progress.advance(1)
        except tf.errors.OpError as error:  # elements come in order, so the next one failed
            raise unreadable(split, done) from error
    return split_in_memory(split.names, split.labels, store)


def unreadable(split: Split, index: int) -> InputError:
    """Return the error that names the image at `index` and why it cannot be read."""
    try:
        reason = why_refused(split.read(tf.constant(index, tf.int64)).numpy())
    except tf.errors.OpError:
        if split.problems:
            return InputError(split.problems[0])
        reason = "cannot be read from the disk"
    return InputError(f"{split.names[index]} {reason}; replace or remove it.")


@contextlib.contextmanager
def naming_unreadable(*splits: Split) -> Iterator[None]:
    """Turn an error of tf.data inside the block into one that names the image, since tf.data does not name it."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise  # memory is short: no image is the cause
    except tf.errors.OpError as error:
        for split in splits:
            if split.problems:
                raise InputError(split.problems[0]) from error
        for split in splits:
            with native_stderr.silenced(), Progress("Looking for the damaged image", len(split)) as progress:
                for index in range(len(split)):
                    try:
                        split.pixels(tf.constant(index, tf.int64))
                    except tf.errors.OpError:
                        raise unreadable(split, index) from error
                    progress.advance(1)
        raise


def color_statistics(split: Split) -> ColorStatistics:
    """Measure the mean and covariance of red, green and blue over up to 10,000 evenly spaced images of a split.

    Raises:
        InputError: an image cannot be read.
    """
    indices = evenly_spaced(len(split), COLOR_SAMPLE)
    dataset = tf.data.Dataset.from_tensor_slices(indices).map(split.pixels, tf.data.AUTOTUNE)
    moments = Moments()
    with naming_unreadable(split), Progress("Measuring the colours", len(indices)) as progress:
        for image in untuned(dataset).as_numpy_iterator():
            moments.add(color_sums(image))
            progress.advance(1)
    return moments.statistics()
