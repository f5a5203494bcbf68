"""Draw the random part of augmentation (section 4.1): order, crop, flip and colour, all from one seed."""

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import PCA_NOISES, STORED_SIZE
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.data.crop_windows import crop_windows
from alexnet_keras.system.errors import OptionError

PCA_NOISE_STDDEV = 0.1  # section 4.1: standard deviation of the factor a_i of each principal component
CROP, FLIP, COLOR = 0, 1, 2  # one random stream for each


@dataclass(frozen=True)
class PCANoise:
    """PCA colour augmentation: a random shift along the principal components of the training set's colours.

    An image x becomes `(x - mean + draws @ directions) / divisor + mean`, with three draws from N(0, 1) for each image
    and epoch.

    Attributes:
        directions: `(3, 3)`; row i is what a draw of 1 for component i adds to red, green and blue, 0..255.
        divisor: divides the distance from the mean.
        mean: mean of red, green and blue, 0..255, which the model subtracts.
    """

    directions: tuple[tuple[float, ...], ...]
    divisor: float
    mean: tuple[float, ...]


def pca_noise(convention: str, statistics: ColorStatistics) -> PCANoise:
    """Compute the PCA colour augmentation of a convention for a training set.

    Let p_i and l_i be the eigenvectors and eigenvalues of the covariance of red, green and blue in units of 0..255, and
    let a_i be drawn from N(0, 0.1). A training image x becomes

        paper:     x + sum of p_i a_i l_i / 255
        original:  mean + (x - mean + sum of p_i a_i sqrt(l_i)) / 1.1

    The paper adds eigenvalues, which are variances, to pixels, so the shift depends on the unit of the pixels. In units
    of 0..255 the first eigenvalue of ImageNet is about 14,000, so the shift would be 1,400 of 255 grey levels. In units
    of 0..1, which everybody assumes, the eigenvalue is 14,000 / 255**2 = 0.22 and the shift is 0.1 * 0.22 of the range,
    which is 0.1 * l / 255 = 5.5 grey levels. The code of 2012 uses the standard deviation, which scales as pixels do:
    its first component shifts by 0.1 * sqrt(14,000) = 12 grey levels in any unit. It adds the shift to images without
    their mean and divides the sum by 1 + 0.1, to keep the scale near that of the test images, which get neither.

    Args:
        convention: `"paper"`, or `"original"` for the code of 2012 (its data provider's `color_noise`).
        statistics: colour statistics of the training set, 0..255.
    """
    eigenvalues, eigenvectors = np.array(statistics.eigenvalues), np.array(statistics.eigenvectors)
    if convention == "paper":
        scales, divisor = eigenvalues / 255, 1.0
    elif convention == "original":
        scales, divisor = np.sqrt(eigenvalues), 1 + PCA_NOISE_STDDEV
    else:
        raise OptionError(f"`pca_noise` must be one of {', '.join(PCA_NOISES)}, got {convention!r}.")
    directions = PCA_NOISE_STDDEV * scales[:, np.newaxis] * eigenvectors
    return PCANoise(tuple(map(tuple, directions.tolist())), divisor, statistics.mean)


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
    centred: bool = False,
    flips: bool = True,
    min_crop_area: float | None = None,
    stored_size: int = STORED_SIZE,
) -> Draws:
    """Draw an epoch from the arguments alone, so that any worker can enter the epoch at any step.

    Args:
        size: side of the crops in pixels, at most `stored_size`.
        epoch: scalar int64, number of the epoch.
        centred: whether all crops are centre crops; all other draws stay the same.
        min_crop_area: the smallest area of random resized crops, as `crop_windows` takes it; `None` for crops that are
            not resized.
    """
    fold_in = tf.random.experimental.stateless_fold_in
    epoch_seed = fold_in(tf.constant([seed, 0], tf.int64), epoch)
    crop_seed, shapes = fold_in(epoch_seed, CROP), None
    if centred:
        offsets = tf.fill((count, 2), (stored_size - size) // 2)
    elif min_crop_area is None:
        offsets = tf.random.stateless_uniform(
            (count, 2), crop_seed, minval=0, maxval=stored_size - size + 1, dtype=tf.int32
        )
    else:
        choose = functools.partial(crop_windows, stored_size=stored_size, min_area=min_crop_area)
        uniform = tf.random.stateless_uniform((count, 4), crop_seed)
        windows = tf.numpy_function(choose, [uniform], tf.int32, stateful=False)
        offsets, shapes = tf.split(tf.ensure_shape(windows, (count, 4)), 2, axis=1)
    return Draws(
        size=size,
        order=tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), epoch_seed),
        offsets=offsets,
        flipped=tf.random.stateless_uniform((count,), fold_in(epoch_seed, FLIP)) < (0.5 if flips else 0.0),
        color=tf.random.stateless_normal((count, 3), fold_in(epoch_seed, COLOR)),
        shapes=shapes,
    )
