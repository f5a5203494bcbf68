"""What chance decides about an epoch's images (section 4.1): order, crop, mirror and colour, all from one seed."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import PCA_NOISES, STORED_SIZE
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.system.errors import OptionError

PCA_NOISE_STDDEV = 0.1  # of the random factor a_i of each principal component
CROP, FLIP, COLOR = 0, 1, 2  # one random stream a decision


@dataclass(frozen=True)
class PCANoise:
    """Shifts of all pixels of an image along the principal components of the training set's colours.

    An image x becomes `(x - mean + draws @ directions) / divisor + mean`, three draws from N(0, 1) an image and use.

    Attributes:
        directions: `(3, 3)`; row i is what a draw of 1 for component i adds to red, green and blue, in 0..255.
        divisor: what the centred image is divided by.
        mean: of red, green and blue, 0..255, which the model subtracts.
    """

    directions: tuple[tuple[float, ...], ...]
    divisor: float
    mean: tuple[float, ...]


def pca_noise(convention: str, statistics: ColorStatistics) -> PCANoise:
    """The noise of a convention, for a training set.

    With p_i and l_i the eigenvectors and eigenvalues of the covariance of red, green and blue in units of 0..255, and
    a_i drawn from N(0, 0.1), an image of the training gets

        paper:     x + sum of p_i a_i l_i / 255
        original:  mean + (x - mean + sum of p_i a_i sqrt(l_i)) / 1.1

    The paper's formula has the eigenvalue, a variance, beside pixels, so its size depends on their unit. In 0..255 the
    first eigenvalue of ImageNet is about 14,000 and the shift would be 1,400 of 255 grey levels; the unit that makes
    sense of it, and the one that everybody reads into it, is 0..1: there the eigenvalue is 14,000 / 255**2 = 0.22, and
    0.1 * 0.22 of the range is a shift of 5.5 grey levels, as in 0.1 * l / 255. A standard deviation scales as pixels
    do: the 2012 code's first component moves by 0.1 * sqrt(14,000) = 12 grey levels, whatever the unit. That code adds
    the noise to centred images and divides the sum by 1 + 0.1 to keep their scale near that of the test images, which
    get neither.

    Args:
        convention: `"paper"`, or `"original"` for the code of 2012 (its data provider's `color_noise`).
        statistics: of the training set, 0..255.

    Raises:
        OptionError: there is no such convention.
    """
    eigenvalues, eigenvectors = np.array(statistics.eigenvalues), np.array(statistics.eigenvectors)
    if convention == "paper":
        scales, divisor = eigenvalues / 255, 1.0
    elif convention == "original":
        scales, divisor = np.sqrt(eigenvalues), 1 + PCA_NOISE_STDDEV
    else:
        raise OptionError(f"The colour noise must be one of {', '.join(PCA_NOISES)}, got {convention!r}.")
    directions = PCA_NOISE_STDDEV * scales[:, np.newaxis] * eigenvectors
    return PCANoise(tuple(map(tuple, directions.tolist())), divisor, statistics.mean)


@dataclass(frozen=True)
class Draws:
    """What was drawn for every place of an epoch's order. A row an image; 36 MB for the 1.28 million of ImageNet.

    Attributes:
        order: `(N,)` int64, the picture that takes each place.
        offsets: `(N, 2)` int32, top and left edge of the crop, each uniform in 0..256 - size, both ends included.
        mirrored: `(N,)` bool, true with a probability of one half.
        colour: `(N, 3)` float32, from N(0, 1).
    """

    order: tf.Tensor
    offsets: tf.Tensor
    flipped: tf.Tensor
    color: tf.Tensor


def draw(count: int, size: int, seed: int, epoch: tf.Tensor, *, centred: bool = False) -> Draws:
    """Draw an epoch: a function of its arguments alone, so that it can be entered anywhere and by any host.

    Args:
        count: number of pictures.
        size: side of the crops in pixels, at most 256.
        seed: any integer.
        epoch: scalar int64, the epoch's number.
        centred: whether all crops are central ones; whatever else is drawn stays the same.
    """
    fold_in = tf.random.experimental.stateless_fold_in
    epoch_seed = fold_in(tf.constant([seed, 0], tf.int64), epoch)
    offsets = tf.random.stateless_uniform(
        (count, 2), fold_in(epoch_seed, CROP), minval=0, maxval=STORED_SIZE - size + 1, dtype=tf.int32
    )
    return Draws(
        order=tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), epoch_seed),
        offsets=tf.fill((count, 2), (STORED_SIZE - size) // 2) if centred else offsets,
        flipped=tf.random.stateless_uniform((count,), fold_in(epoch_seed, FLIP)) < 0.5,
        color=tf.random.stateless_normal((count, 3), fold_in(epoch_seed, COLOR)),
    )
