"""The formula of response normalization, for the layers of Keras and for programs that compute without Keras."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Formula:
    """Constants of `b = a / (k + scale * (sum of a ** 2 over a window)) ** beta`.

    Attributes:
        size: width of the window, odd: in channels or, if `spatial`, in rows and in columns.
        k, scale, beta: the constants with these names in the formula.
        spatial: whether the window spans positions of one channel, instead of channels at one position.
    """

    size: int
    k: float
    scale: float
    beta: float
    spatial: bool = False

    @classmethod
    def across_channels(cls, size: int, k: float, alpha: float, beta: float, divide_alpha_by_size: bool) -> Self:
        """Return the formula of `LocalResponseNormalization` with these options."""
        return cls(size, k, alpha / size if divide_alpha_by_size else alpha, beta)

    @classmethod
    def within_channels(cls, size: int, k: float, alpha: float, beta: float) -> Self:
        """Return the formula of `SpatialResponseNormalization` with these options."""
        return cls(size, k, alpha / size**2, beta, spatial=True)
