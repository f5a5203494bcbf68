"""Draw the random part of augmentation (section 4.1): order, crop, flip and colour, all from one seed."""

import functools
from dataclasses import dataclass

import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data.crop_windows import center_corner, crop_windows

CROP, FLIP, COLOR = 0, 1, 2  # one random stream for each


@dataclass(frozen=True)
class Draws:
    """Random draws of an epoch, one row for each index of its order: 36 MB for the 1.28 million images of ImageNet.

    Attributes:
        size: side of the crops in pixels, after resizing.
        order: `(N,)` int64, the index in the split of each image of the epoch.
        offsets: `(N, 2)` int32, top and left edge of the crop, each uniform, such that the crop lies in the image.
        flipped: `(N,)` bool, true with a probability of one half.
        color: `(N, 3)` float32, from N(0, 1).
        shapes: `(N, 2)` int32, height and width of the crop before it is resized; `None` if no crop is resized.
    """

    size: int
    order: tf.Tensor
    offsets: tf.Tensor
    flipped: tf.Tensor
    color: tf.Tensor
    shapes: tf.Tensor | None = None


def draw(
    count: int,
    size: int,
    seed: int,
    epoch: tf.Tensor,
    *,
    centered: bool = False,
    flips: bool = True,
    min_crop_area: float | None = None,
    stored_size: int = STORED_SIZE,
    resized: int | None = None,
) -> Draws:
    """Draw an epoch from the arguments alone, so that any worker can enter the epoch at any step.

    Args:
        size: side of the crops in pixels, at most `stored_size`.
        resized: side to which crops are resized; `None` for `size`.
        epoch: scalar int64, number of the epoch.
        centered: whether all crops are centre crops; all other draws stay the same.
        min_crop_area: the smallest area of random resized crops, as `crop_windows` takes it; `None` for crops that are
            not resized.
    """
    fold_in = tf.random.experimental.stateless_fold_in
    epoch_seed = fold_in(tf.constant([seed, 0], tf.int64), epoch)
    crop_seed, shapes = fold_in(epoch_seed, CROP), None
    if centered:
        offsets = tf.fill((count, 2), center_corner(stored_size, size))
    elif min_crop_area is None:
        offsets = tf.random.stateless_uniform(
            (count, 2), crop_seed, minval=0, maxval=stored_size - size + 1, dtype=tf.int32
        )
    else:
        choose = functools.partial(crop_windows, stored_size=stored_size, min_area=min_crop_area)
        uniform = tf.random.stateless_uniform((count, 4), crop_seed)
        windows = tf.numpy_function(choose, [uniform], tf.int32, stateful=False)
        offsets, shapes = tf.split(tf.ensure_shape(windows, (count, 4)), 2, axis=1)
    if shapes is None and resized not in (None, size):
        shapes = tf.fill((count, 2), size)
    return Draws(
        size=resized or size,
        order=tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), epoch_seed),
        offsets=offsets,
        flipped=tf.random.stateless_uniform((count,), fold_in(epoch_seed, FLIP)) < (0.5 if flips else 0.0),
        color=tf.random.stateless_normal((count, 3), fold_in(epoch_seed, COLOR)),
        shapes=shapes,
    )
