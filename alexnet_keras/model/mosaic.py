"""Arrange kernels and feature maps as one image."""

import numpy as np


def as_images(kernels: np.ndarray) -> np.ndarray:
    """Turn `(H, W, 3, N)` kernels into `(N, H, W, 3)` colours from 0 to 1: zero becomes 0.5, in each kernel."""
    largest = np.abs(kernels).max(axis=(0, 1, 2), keepdims=True)
    return np.moveaxis(0.5 + 0.5 * kernels / np.maximum(largest, 1e-12), -1, 0)


def mosaic(images: np.ndarray, columns: int, gap: int = 1, background: float = 1.0) -> np.ndarray:
    """Arrange `(N, H, W, ...)` images in rows of `columns`, with `gap` pixels of the background between them."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *images.shape[3:])
    result = np.full(shape, background, images.dtype)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        result[top : top + height, left : left + width] = image
    return result
