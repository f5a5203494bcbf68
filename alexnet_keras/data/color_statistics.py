"""Means and covariances of colours, summed in integers, so that no order of the pictures changes a digit."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ColorStatistics:
    """Red, green and blue over all pixels of the training pictures, in units of 0..255.

    Attributes:
        mean: of red, green and blue.
        covariance: `(3, 3)`, divided by the number of pixels.
        eigenvalues: of the covariance, the largest first.
        eigenvectors: one a row, in the order of the eigenvalues; of unit length, the largest component positive.
    """

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    eigenvalues: tuple[float, ...]
    eigenvectors: tuple[tuple[float, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ColorStatistics":
        return cls(
            tuple(values["mean"]),
            tuple(map(tuple, values["covariance"])),
            tuple(values["eigenvalues"]),
            tuple(map(tuple, values["eigenvectors"])),
        )


class Moments:
    """Sums over pictures of one size, from which means and covariances are taken.

    Args:
        size: side of the pictures in pixels.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.total = np.zeros((size, size, 3), np.int64)
        self.products = np.zeros((3, 3), np.int64)  # of ImageNet: 1.28e6 * 65,536 * 255 ** 2 = 5.5e15 < 2 ** 63

    def add(self, image: np.ndarray, products: np.ndarray | None = None) -> None:
        """Count one picture, `(size, size, 3)` uint8; `products` are its own, if somebody computed them already."""
        self.count += 1
        self.total += image
        self.products += (color_products(image) if products is None else products).astype(np.int64)

    def merge(self, other: "Moments") -> None:
        self.count += other.count
        self.total += other.total
        self.products += other.products

    def mean_image(self) -> np.ndarray:
        """`(size, size, 3)` float64, 0..255."""
        return self.total / self.count

    def statistics(self) -> ColorStatistics:
        pixels = self.count * self.total.shape[0] * self.total.shape[1]
        sums = [int(value) for value in self.total.sum(axis=(0, 1))]
        # Python's integers: the products of the sums have 26 digits, of which floats would lose the last ten.
        covariance = np.array(
            [[(pixels * int(self.products[i, j]) - sums[i] * sums[j]) / pixels**2 for j in range(3)] for i in range(3)]
        )
        values, columns = np.linalg.eigh(covariance)
        rows = columns.T[::-1]
        rows = rows * np.sign(rows[np.arange(3), np.abs(rows).argmax(axis=1)])[:, None]
        return ColorStatistics(
            tuple(value / pixels for value in sums),
            tuple(map(tuple, covariance.tolist())),
            tuple(np.maximum(values[::-1], 0.0).tolist()),
            tuple(map(tuple, rows.tolist())),
        )


def color_products(image: np.ndarray) -> np.ndarray:
    """Sums of red * red, red * green, ... over a picture, `(3, 3)` float64: integers below 2 ** 53, so exact."""
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.T @ pixels
