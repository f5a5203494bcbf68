"""From a split to batches: wiring only. Pictures are made by images.py, found by datasets.py."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from alexnet_keras.data import augmentation, image_ops
from alexnet_keras.data.augmentation import Draws, PCANoise
from alexnet_keras.data.dataset import Split
from alexnet_keras.data.reading import pixels, untuned
from alexnet_keras.system.errors import OptionError

READY = 2  # batches that wait for the network: enough to even out, and 80 MB each where they are float32


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Batches that hold every image once; the last may be smaller."""
    return math.ceil(num_images / batch_size)


def train_dataset(
    split: Split,
    *,
    input_size: int,
    batch_size: int,
    epochs: tf.data.Dataset,
    seed: int,
    steps: int = -1,
    first_step: int = 0,
    worker_index: int = 0,
    num_workers: int = 1,
    noise: PCANoise | None = None,
    centred: bool = False,
) -> tf.data.Dataset:
    """Augmented batches: every picture once an epoch, in an order of that epoch's own.

    Order and augmentation are functions of `seed`, the epoch's number and the picture's place in it, so they are the
    same whatever the number of threads and hosts, and wherever the first epoch is entered.

    Args:
        split: the training pictures.
        input_size: side of the random crop, at most 256.
        batch_size: pictures a global batch, a multiple of `num_workers`; the last batch of an epoch may be smaller.
        epochs: int64 numbers of the epochs to run through.
        seed: any integer.
        steps: take only so many batches of each epoch; -1 for all.
        first_step: batches of the first epoch that are passed over, unread.
        share: which pictures of each batch are this host's. Every share has equally many batches, so that hosts stay
            in step: the last of an epoch may be empty.
        noise: what to do to the images' colours.
        centred: whether crops are the central ones, mirrored at random.

    Returns:
        `(B / num_workers, input_size, input_size, 3)` uint8, 0..255, with `(B / num_workers,)` int64 labels. With
        `noise`, float32, and a little beyond 0..255: rounded to uint8, a component whose standard deviation is a tenth
        of a grey level would be lost, and bright images could not become brighter.

    Raises:
        OptionError: the batch cannot be shared out evenly.
    """
    if batch_size % num_workers:
        raise OptionError(
            f"batch_size {batch_size} cannot be dealt out to {num_workers} hosts; choose a multiple of {num_workers}."
        )
    labels = tf.constant(split.labels)
    count = len(split)
    local = batch_size // num_workers
    batches = steps_per_epoch(count, batch_size) if steps < 0 else min(steps, steps_per_epoch(count, batch_size))
    indices = np.arange(count)[: batches * batch_size][worker_index::num_workers]
    missing = batches - math.ceil(len(indices) / local)  # 0, or 1 where the last batch has no picture for this share

    def epoch_batches(turn: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
        draws = augmentation.draw(count, input_size, seed, epoch, centred=centred)
        skipped = tf.where(turn == 0, local * first_step, 0)
        dataset = tf.data.Dataset.from_tensor_slices(tf.constant(indices)[skipped:])
        crops = _crops_by_batch if split.read_batch else _crops_one_by_one
        dataset = crops(dataset, split, draws, input_size, local)
        if missing:
            nothing = (tf.zeros((0, input_size, input_size, 3), tf.uint8), tf.zeros((0,), tf.int64))
            dataset = dataset.concatenate(tf.data.Dataset.from_tensors(nothing))

        def finish(cropped: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            if noise:
                shifts = tf.gather(draws.color, indices) @ tf.constant(noise.directions, tf.float32)
                cropped = image_ops.shift_colors(cropped, shifts, noise.mean, noise.divisor)
            return cropped, tf.gather(labels, tf.gather(draws.order, indices))

        return dataset.map(finish, tf.data.AUTOTUNE)

    return untuned(epochs.enumerate().flat_map(epoch_batches).prefetch(READY))


def _crops_one_by_one(
    indices: tf.data.Dataset, split: Split, draws: Draws, size: int, batch_size: int
) -> tf.data.Dataset:
    """Crops with their places, from pictures that are read one by one, as many at a time as there are threads."""

    def example(place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = split.read(draws.order[place])
        offset, flipped = draws.offsets[place], draws.flipped[place]
        if image.dtype == tf.string:
            return image_ops.crop_encoded(image, offset, flipped, size), place
        return image_ops.flip(image_ops.crop(image, offset, size), flipped), place

    return indices.map(example, tf.data.AUTOTUNE).batch(batch_size)


def _crops_by_batch(
    indices: tf.data.Dataset, split: Split, draws: Draws, size: int, batch_size: int
) -> tf.data.Dataset:
    """The same from pictures that are read by the batch; those that must be decoded are dealt out to threads."""
    read_batch = split.read_batch
    assert read_batch is not None

    def example(encoded: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return image_ops.crop_stored(encoded, draws.offsets[place], draws.flipped[place], size), place

    def examples(images: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        offsets, flipped = tf.gather(draws.offsets, indices), tf.gather(draws.flipped, indices)
        return image_ops.crop_and_flip(images, offsets, flipped, size), indices

    batches = indices.batch(batch_size).map(
        lambda indices: (read_batch(tf.gather(draws.order, indices)), indices), tf.data.AUTOTUNE
    )
    if batches.element_spec[0].dtype == tf.string:
        return batches.unbatch().map(example, tf.data.AUTOTUNE).batch(batch_size)
    return batches.map(examples, tf.data.AUTOTUNE)


def eval_dataset(
    split: Split,
    *,
    input_size: int,
    batch_size: int,
    view: Callable[[tf.Tensor, int], tf.Tensor] = image_ops.centre_crop,
    worker_index: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """Views of the pictures in the stored order, every picture exactly once; the last batch may be smaller.

    Args:
        split: the pictures.
        input_size: side of a view in pixels, at most 256.
        batch_size: pictures a global batch, a multiple of `num_workers`.
        view: `images.centre_crop`, or `images.ten_views`, which adds a dimension after the first.
        share: which pictures of each batch are this host's; all shares together have every picture once, and each has
            equally many batches, the last of which may be empty.

    Returns:
        `(B / num_workers, input_size, input_size, 3)` uint8, 0..255, with `(B / num_workers,)` int64 labels.
    """
    labels = tf.constant(split.labels)
    mine = np.arange(len(split))[worker_index::num_workers]
    local = batch_size // num_workers

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return view(pixels(split, index), input_size), labels[index]

    batches = tf.data.Dataset.from_tensor_slices(mine).map(example, tf.data.AUTOTUNE).batch(local)
    if steps_per_epoch(len(mine), local) < steps_per_epoch(len(split), batch_size):
        shapes = tf.nest.map_structure(lambda spec: tf.zeros((0, *spec.shape[1:]), spec.dtype), batches.element_spec)
        batches = batches.concatenate(tf.data.Dataset.from_tensors(shapes))
    return untuned(batches.prefetch(READY))
