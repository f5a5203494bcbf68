"""The amounts of PCA colour augmentation (section 4.1), from the colours of a training set, by NumPy alone."""

from dataclasses import dataclass

import numpy as np

from alexnet_keras.config.training import PCA_NOISES
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.system.errors import OptionError

PCA_NOISE_STDDEV = 0.1  # section 4.1: standard deviation of the factor a_i of each principal component


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


def noise_of(convention: str, statistics: ColorStatistics) -> PCANoise:
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
