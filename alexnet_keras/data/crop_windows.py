"""Choose the windows of crops, by NumPy alone: the centre, or random windows from uniform random numbers."""

from typing import Any

import numpy as np

MAX_ASPECT_RATIO = 4 / 3  # Szegedy et al. 2014 (arXiv:1409.4842), section 6: from 3/4 to 4/3


def center_corner(stored_size: Any, size: int) -> Any:
    """Return the top and left edge of the centre crop of an image; sizes may be numbers, arrays or tensors."""
    return (stored_size - size) // 2


def crop_windows(uniform: np.ndarray, stored_size: int, min_area: float) -> np.ndarray:
    """Choose windows of random area, aspect ratio and position in square images.

    The area is uniform. The logarithm of the aspect ratio is uniform, so that a ratio and its inverse are equally
    likely; where a window of that area would be longer than the image, the range of the ratio is narrower. Nothing is
    drawn again, so that a window depends only on its own four numbers.

    Args:
        uniform: `(N, 4)` random numbers in [0, 1), for the area, the aspect ratio, and the top and left edge.
        min_area: the smallest fraction of the area of the image, in (0, 1).

    Returns:
        `(N, 4)` int32: top, left, height and width in pixels. Every window lies in the image.
    """
    drawn_area, drawn_ratio, *drawn_edges = uniform.T.astype(np.float64)
    area = min_area + (1 - min_area) * drawn_area
    logarithm = (2 * drawn_ratio - 1) * np.minimum(np.log(MAX_ASPECT_RATIO), -np.log(area))
    root, ratio = stored_size * np.sqrt(area), np.exp(logarithm / 2)
    shape = np.rint([root / ratio, root * ratio])
    return np.concatenate([np.floor(drawn_edges * (stored_size - shape + 1)), shape]).T.astype(np.int32)
