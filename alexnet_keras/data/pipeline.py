"""Build the `tf.data` pipelines for training and evaluation.

training:    epoch -> order of indices -> read -> decode, crop, flip -> batch -> colour augmentation
evaluation:  indices -> read -> decode to the stored size -> centre crop or ten crops -> batch
"""

import functools
import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from alexnet_keras.data import augmentation, image_ops
from alexnet_keras.data.augmentation import Draws
from alexnet_keras.data.dataset import ImageForm, Split, plain_graph
from alexnet_keras.data.pca_noise import PCANoise
from alexnet_keras.data.reading import untuned

READY = 2  # prefetched batches: enough to absorb delays; each has 80 MB if it is float32


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Return the number of batches that hold every image once; the last batch may be smaller."""
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
    centered: bool = False,
    flips: bool = True,
    min_crop_area: float | None = None,
    resized: int | None = None,
) -> tf.data.Dataset:
    """Build augmented batches that contain every image once an epoch, in another order in each epoch.

    Order and augmentation depend only on `seed`, the number of the epoch and the index of the image in its order. They
    are therefore the same for any number of threads and workers, and for any `first_step`.

    Args:
        batch_size: images in a global batch, a multiple of `num_workers`; the last batch of an epoch may be smaller.
        epochs: data set of the int64 numbers of the epochs to run.
        seed: random seed for the order and the augmentation; any integer.
        steps: number of batches to take from each epoch; -1 for all.
        first_step: number of batches of the first epoch to skip without reading them.
        worker_index: index of this worker, 0 to `num_workers - 1`.
        num_workers: number of workers that divide each batch. All workers get equally many batches, so that they stay
            in step; the last batch of an epoch may be empty.
        resized: side in pixels to which the crops are resized; `None` for `input_size`.

    Returns:
        `(B / num_workers, size, size, 3)` uint8, 0..255, with `(B / num_workers,)` int64 labels. The size is `resized`
        or `input_size`. With `noise`, images are float32 and can be slightly below 0 or above 255. Rounding to uint8
        would lose a component whose standard deviation is a tenth of a grey level, and clipping would prevent bright
        images from becoming brighter.
    """
    split.check_crop(input_size)
    assert batch_size % num_workers == 0  # as `check_cluster` demands
    labels = tf.constant(split.labels)
    count = len(split)
    local = batch_size // num_workers
    batches = steps_per_epoch(count, batch_size) if steps < 0 else min(steps, steps_per_epoch(count, batch_size))
    indices = np.arange(count)[: batches * batch_size][worker_index::num_workers]
    empty = batches - math.ceil(len(indices) / local)  # 1 if the last batch has no image for this worker, else 0

    @plain_graph
    def epoch_batches(epoch_index: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
        draws = augmentation.draw(
            count,
            input_size,
            seed,
            epoch,
            centered=centered,
            flips=flips,
            min_crop_area=min_crop_area,
            stored_size=split.stored_size,
            resized=resized,
        )
        skipped = tf.where(epoch_index == 0, local * first_step, 0)
        dataset = _crops(tf.data.Dataset.from_tensor_slices(tf.constant(indices)[skipped:]), split, draws, local)
        if empty:
            nothing = (tf.zeros((0, draws.size, draws.size, 3), tf.uint8), tf.zeros((0,), tf.int64))
            dataset = dataset.concatenate(tf.data.Dataset.from_tensors(nothing))

        def finish(crops: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            if noise:
                shifts = tf.gather(draws.color, indices) @ tf.constant(noise.directions, tf.float32)
                crops = image_ops.shift_colors(crops, shifts, noise.mean, noise.divisor)
            return crops, tf.gather(labels, tf.gather(draws.order, indices))

        return dataset.map(finish, tf.data.AUTOTUNE)

    return untuned(epochs.enumerate().flat_map(epoch_batches).prefetch(READY))


def _crops(indices: tf.data.Dataset, split: Split, draws: Draws, batch_size: int) -> tf.data.Dataset:
    """Read, decode, crop and flip the images of an epoch.

    Returns:
        Batches of crops, `(B, size, size, 3)` uint8, with their indices, `(B,)` int64.
    """
    read_batch = split.read_batch
    if read_batch is None:
        images = indices.map(lambda index: (split.read(draws.order[index]), index), tf.data.AUTOTUNE)
    else:
        images = indices.batch(batch_size).map(
            lambda indices: (read_batch(tf.gather(draws.order, indices)), indices), tf.data.AUTOTUNE
        )

    def crops_at(indices: tf.Tensor) -> Iterator[tf.Tensor | None]:
        drawn = (draws.offsets, draws.flipped, draws.shapes)
        return (None if each is None else tf.gather(each, indices) for each in drawn)

    def crop_batch(images: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        offsets, flipped, shapes = crops_at(indices)
        return image_ops.crop_and_flip(images, offsets, flipped, draws.size, shapes), indices

    if split.form is ImageForm.DECODED:
        return (images if read_batch else images.batch(batch_size)).map(crop_batch, tf.data.AUTOTUNE)
    crop: Callable[..., tf.Tensor] = functools.partial(image_ops.crop_encoded, upright=split.upright)
    if split.form is ImageForm.STORED_JPEG:
        crop = image_ops.crop_stored_jpeg

    def crop_one(encoded: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        offset, flipped, shape = crops_at(index)
        return crop(encoded, offset, flipped, draws.size, stored_size=split.stored_size, shape=shape), index

    # Each thread decodes one image at a time, not a whole batch.
    return (images.unbatch() if read_batch else images).map(crop_one, tf.data.AUTOTUNE).batch(batch_size)


def eval_dataset(
    split: Split,
    *,
    input_size: int,
    batch_size: int,
    crop: Callable[[tf.Tensor, int], tf.Tensor] = image_ops.center_crop,
    worker_index: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """Build batches of every image exactly once in the order of the split; the last batch may be smaller.

    Returns:
        `(B / num_workers, input_size, input_size, 3)` uint8, 0..255, with `(B / num_workers,)` int64 labels.
    """
    split.check_crop(input_size)
    labels = tf.constant(split.labels)
    indices = np.arange(len(split))[worker_index::num_workers]
    local = batch_size // num_workers

    @plain_graph
    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return crop(split.pixels(index), input_size), labels[index]

    batches = tf.data.Dataset.from_tensor_slices(indices).map(example, tf.data.AUTOTUNE).batch(local)
    if steps_per_epoch(len(indices), local) < steps_per_epoch(len(split), batch_size):
        nothing = tf.nest.map_structure(lambda spec: tf.zeros((0, *spec.shape[1:]), spec.dtype), batches.element_spec)
        batches = batches.concatenate(tf.data.Dataset.from_tensors(nothing))
    return untuned(batches.prefetch(READY))
