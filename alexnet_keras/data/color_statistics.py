"""Mean and covariance of the colours of many images, summed in integers so that the order does not change a digit."""

from dataclasses import dataclass

import numpy as np

from alexnet_keras.system.errors import check


@dataclass(frozen=True)
class ColorStatistics:
    """Statistics of red, green and blue over all pixels of the training images, in units of 0..255.

    Attributes:
        covariance: `(3, 3)`, divided by the number of pixels.
        eigenvalues: `(3,)`, of the covariance, the largest first.
        eigenvectors: `(3, 3)`, one a row in the order of the eigenvalues, of unit length, the largest component
            positive.
    """

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    eigenvalues: tuple[float, ...]
    eigenvectors: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        vectors, matrices = (self.mean, self.eigenvalues), (self.covariance, self.eigenvectors)
        sides = [len(vector) for vector in vectors] + [len(row) for matrix in matrices for row in (matrix, *matrix)]
        check(set(sides) == {3}, "Colour statistics must have three values for each of three colours.")


class Moments:
    """Sums of colours and of their products over images, from which `ColorStatistics` follow.

    Attributes:
        sums: `(4, 4)` int64, the sum over all pixels of `v v^T` with `v = (red, green, blue, 1)`. The last column has
            the sums of the colours and the number of pixels. ImageNet needs 1.28e6 * 65,536 * 255 ** 2 = 5.5e15, which
            is less than 2 ** 63.
    """

    def __init__(self) -> None:
        self.sums = np.zeros((4, 4), np.int64)

    def add(self, sums: np.ndarray) -> None:
        """Add the `color_sums` of an image, or the `sums` of other `Moments`."""
        self.sums += sums.astype(np.int64)

    def statistics(self) -> ColorStatistics:
        # Python's integers are exact: products of the sums have 26 digits, of which floats would lose the last ten.
        *colors, pixels = [int(value) for value in self.sums[:, 3]]
        covariance = np.array(
            [[(pixels * int(self.sums[i, j]) - colors[i] * colors[j]) / pixels**2 for j in range(3)] for i in range(3)]
        )
        values, columns = np.linalg.eigh(covariance)
        rows = columns.T[::-1]
        rows = rows * np.sign(rows[np.arange(3), np.abs(rows).argmax(axis=1)])[:, None]
        return ColorStatistics(
            tuple(value / pixels for value in colors),
            tuple(map(tuple, covariance.tolist())),
            tuple(np.maximum(values[::-1], 0.0).tolist()),
            tuple(map(tuple, rows.tolist())),
        )


def color_sums(image: np.ndarray) -> np.ndarray:
    """Sum `v v^T` with `v = (red, green, blue, 1)` over the pixels of one image."""
    pixels = np.ones((image.shape[0] * image.shape[1], 4))
    pixels[:, :3] = image.reshape(-1, 3)
    return pixels.T @ pixels
