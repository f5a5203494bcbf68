"""Resize, crop and flip a photograph in one pass, by loops that numba compiles for this processor.

TensorFlow's own operators need three passes over the memory and synchronize threads in each: 1.2 ms of processor time a
photograph, where these loops take a quarter of that. The first call compiles for more than a second, so NumPy resizes
where there are only a few images.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

LOCK = threading.Lock()
BLOCK = 32  # lines, which stay in the cache while they are added


def rescaled_crop(
    image: np.ndarray, size: int, offset: np.ndarray, side: int, flipped: bool = False, compiled: bool = True
) -> np.ndarray:
    """Compute a crop of `image_ops.resize_and_crop(image, size)`, and no pixel outside the crop.

    Args:
        image: `(H, W, 3)` uint8, 0..255, contiguous; if not `compiled`, any dtype.
        size: the shorter side after resizing, in pixels.
        offset: `(2,)` integers, top and left edge of the crop in the central `size` x `size` pixels.
        side: side of the crop in pixels.
        flipped: whether to reverse left and right.
        compiled: whether to use the compiled loops instead of NumPy, which computes the same bits.

    Returns:
        `(side, side, 3)` uint8, 0..255. Where a value lies within 1e-5 of a half, it may be rounded differently than
        by `resize_and_crop`, which adds in another order.
    """
    sides = np.array(image.shape[:2], np.float32)  # float32, for the same rounding as in resize_and_crop
    resized = np.rint(sides * (np.float32(size) / sides.min()))
    corner = np.floor((resized - size) / 2).astype(np.int64) + offset
    scales = resized / sides.astype(np.float64)
    if not compiled:
        crop = _resized(image, scales, corner, side)
        return crop[:, ::-1] if flipped else crop
    crop = np.empty((side, side, 3), np.uint8)
    with LOCK:  # otherwise each thread would compile its own loops
        resize = _compiled()
    resize(image, scales, corner, bool(flipped), crop)
    return crop


def _resized(image: np.ndarray, scales: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    height, width, _ = image.shape
    lefts, weights = _spans(side, scales[1], corner[1], width)
    first, end = lefts[0], lefts[-1] + weights.shape[1]
    lines = image[:, first:end].reshape(height, -1)
    rows = _blended(lines, *_spans(side, scales[0], corner[0], height))
    columns = rows.reshape(side, -1, 3).transpose(1, 0, 2).reshape(-1, side * 3)
    pixels = _blended(columns, lefts - first, weights).reshape(side, side, 3).transpose(1, 0, 2)
    return np.ascontiguousarray(np.rint(pixels).clip(0, 255), np.uint8)


def _blended(lines: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Blend lines `(length, C)` into `(count, C)` float32, with the spans of `_spans`, added from first to last."""
    blended = np.zeros((len(starts), lines.shape[1]), np.float32)
    for start in range(0, len(starts), BLOCK):
        block = slice(start, start + BLOCK)
        for tap in range(weights.shape[1]):
            blended[block] += weights[block, tap, np.newaxis] * lines[starts[block] + tap].astype(np.float32)
    return blended


def _spans(count: int, scale: float, corner: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute which of `length` pixels contribute to each of `count` rescaled pixels, and their weights.

    The weights form a triangle whose radius is one pixel, or one rescaled pixel where the image shrinks.

    Args:
        count: number of rescaled pixels.
        scale: rescaled length divided by `length`.
        corner: index of the first rescaled pixel.
        length: number of pixels of the line.

    Returns:
        `(count,)` int64, the index of the first contributing pixel, and `(count, K)` float32, the weights of that pixel
        and its successors, whose sum is 1. No index lies outside the line.
    """
    radius = max(1.0, 1 / scale)
    width = min(int(2 * radius) + 1, length)
    starts, weights = np.empty(count, np.int64), np.empty((count, width), np.float32)
    for index in range(count):
        centre = (corner + index + 0.5) / scale
        start = min(max(int(np.ceil(centre - radius - 0.5)), 0), length - width)
        total = 0.0
        for tap in range(width):
            total += max(0.0, 1 - abs(start + tap + 0.5 - centre) / radius)
        for tap in range(width):
            weights[index, tap] = max(0.0, 1 - abs(start + tap + 0.5 - centre) / radius) / total
        starts[index] = start
    return starts, weights


@functools.cache
def _compiled() -> Callable[..., None]:
    import numba  # takes a quarter of a second

    # Without fused multiplications and additions, which are 6% faster, so that every processor gets the same bits.
    compiled: Any = numba.njit(nogil=True, error_model="numpy")
    spans = compiled(_spans)

    def resize(image: np.ndarray, scales: np.ndarray, corner: np.ndarray, flipped: bool, crop: np.ndarray) -> None:
        height, width, _ = image.shape
        side = len(crop)
        tops, row_weights = spans(side, scales[0], corner[0], height)
        lefts, column_weights = spans(side, scales[1], corner[1], width)
        taps = column_weights.shape[1]
        first = lefts[0]
        values = (lefts[-1] + taps - first) * 3
        lines = image.reshape(height, width * 3)[:, first * 3 : first * 3 + values]
        line = np.empty(values, np.float32)
        for y in range(side):
            line[:] = 0
            for tap in range(row_weights.shape[1]):
                weight, pixels = row_weights[y, tap], lines[tops[y] + tap]
                for x in range(values):
                    line[x] += weight * np.float32(pixels[x])
            for x in range(side):
                red = green = blue = np.float32(0)
                weights, pixels = column_weights[x], line[(lefts[x] - first) * 3 :]
                for tap in range(taps):
                    red += weights[tap] * pixels[3 * tap]
                    green += weights[tap] * pixels[3 * tap + 1]
                    blue += weights[tap] * pixels[3 * tap + 2]
                pixel = crop[y, side - 1 - x if flipped else x]
                pixel[0], pixel[1], pixel[2] = np.rint(red), np.rint(green), np.rint(blue)

    return compiled(resize)
