"""Resize, crop and flip a photograph in one pass, by loops that Numba compiles for this processor.

TensorFlow's own operators need three passes over the memory and synchronize threads in each: 1.2 ms of processor time a
photograph, where these loops take a quarter of that. The first call compiles for a second, so NumPy resizes where there
are only a few images. It also does so where Numba is not installed.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LOCK = threading.Lock()
BLOCK = 32  # lines, which stay in the cache while they are added
SPANS = 1024  # remembered results of `_spans`: photographs have one of a few sizes, and windows one of 256


def rescaled_crop(
    image: np.ndarray,
    size: int,
    offset: np.ndarray,
    side: int | np.ndarray,
    flipped: bool = False,
    compiled: bool = True,
) -> np.ndarray:
    """Compute a crop of `image_ops.resize_and_crop(image, size)`, and no pixel outside the crop.

    Args:
        image: `(H, W, 3)` uint8, 0..255, contiguous; if not `compiled`, any dtype.
        size: the shorter side after resizing, in pixels.
        offset: `(2,)` integers, top and left edge of the crop in the central `size` x `size` pixels.
        side: side of the crop in pixels, or its height and width.
        compiled: whether to use the compiled loops, if there are any, instead of NumPy, which computes the same bits.

    Returns:
        `(height, width, 3)` uint8, 0..255. Where a value lies within 1e-5 of a half, it may be rounded differently than
        by `resize_and_crop`, which adds in another order.
    """
    sides = np.array(image.shape[:2], np.float32)  # float32, for the same rounding as in resize_and_crop
    resized = np.rint(sides * (np.float32(size) / sides.min()))
    corner = np.floor((resized - size) / 2)
    scales = resized / sides.astype(np.float64)
    spans = []
    for axis, length in enumerate(np.broadcast_to(side, 2)):
        window = slice(int(offset[axis]), int(offset[axis]) + int(length))
        starts, weights = _spans(size, float(scales[axis]), int(corner[axis]), image.shape[axis])
        spans += [starts[window], weights[window]]
    return _blended_crop(image, spans, flipped, compiled)


def resized(window: np.ndarray, side: int, flipped: bool = False, compiled: bool = True) -> np.ndarray:
    """Resize an image of any aspect ratio to `side` x `side` pixels, with the filter of `rescaled_crop`.

    Args:
        window: `(H, W, 3)` uint8, 0..255.
        side, flipped, compiled: as in `rescaled_crop`.
    """
    spans = [each for length in window.shape[:2] for each in _spans(side, side / length, 0, length)]
    return _blended_crop(np.ascontiguousarray(window), spans, flipped, compiled)


def _blended_crop(image: np.ndarray, spans: Sequence[np.ndarray], flipped: bool, compiled: bool) -> np.ndarray:
    """Blend rows and columns with the spans of each, by the loops or by NumPy."""
    resize = loops() if compiled else None
    if resize is None:
        crop = _blended_by_numpy(image, *spans)
        return crop[:, ::-1] if flipped else crop
    crop = np.empty((len(spans[0]), len(spans[2]), 3), np.uint8)
    resize(image, *spans, bool(flipped), crop)
    return crop


def loops() -> Callable[..., None] | None:
    """Return the compiled loops, or `None` if Numba is not installed or cannot be imported."""
    with LOCK:  # otherwise each thread would compile its own loops
        return _compiled()


def _blended_by_numpy(
    image: np.ndarray, tops: np.ndarray, row_weights: np.ndarray, lefts: np.ndarray, column_weights: np.ndarray
) -> np.ndarray:
    height, width, first = len(tops), len(lefts), lefts[0]
    window = image[tops[0] : tops[-1] + row_weights.shape[1], first : lefts[-1] + column_weights.shape[1]]
    rows = _blended(window.reshape(len(window), -1), tops - tops[0], row_weights)
    columns = rows.reshape(height, -1, 3).transpose(1, 0, 2).reshape(-1, height * 3)
    pixels = _blended(columns, lefts - first, column_weights).reshape(width, height, 3).transpose(1, 0, 2)
    return np.ascontiguousarray(np.rint(pixels).clip(0, 255), np.uint8)


def _blended(lines: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Blend lines `(length, C)` into `(count, C)` float32, with the spans of `_spans`, added from first to last."""
    blended = np.zeros((len(starts), lines.shape[1]), np.float32)
    for start in range(0, len(starts), BLOCK):
        block = slice(start, start + BLOCK)
        for tap in range(weights.shape[1]):
            weighted = lines[starts[block] + tap].astype(np.float32, copy=False)
            weighted *= weights[block, tap, np.newaxis]
            blended[block] += weighted
    return blended


@functools.lru_cache(SPANS)
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
    centers = (corner + np.arange(count) + 0.5) / scale
    starts = np.clip(np.ceil(centers - radius - 0.5), 0, length - width)
    pixels = starts[:, np.newaxis] + np.arange(width) + 0.5
    weights = np.maximum(0, 1 - np.abs(pixels - centers[:, np.newaxis]) / radius)
    totals = np.cumsum(weights, axis=1)[:, -1:]  # from first to last, as on every processor
    return starts.astype(np.int64), (weights / totals).astype(np.float32)


@functools.cache
def _compiled() -> Callable[..., None] | None:
    try:
        import numba  # takes a quarter of a second
    except ImportError:
        return None

    def resize(
        image: np.ndarray,
        tops: np.ndarray,
        row_weights: np.ndarray,
        lefts: np.ndarray,
        column_weights: np.ndarray,
        flipped: bool,
        crop: np.ndarray,
    ) -> None:
        height, width, _ = image.shape
        (rows, columns, _), taps, first = crop.shape, column_weights.shape[1], lefts[0]
        values = (lefts[-1] + taps - first) * 3
        lines = image.reshape(height, width * 3)[:, first * 3 : first * 3 + values]
        line = np.empty(values, np.float32)
        for y in range(rows):
            line[:] = 0
            for tap in range(row_weights.shape[1]):
                weight, pixels = row_weights[y, tap], lines[tops[y] + tap]
                for x in range(values):
                    line[x] += weight * np.float32(pixels[x])
            for x in range(columns):
                red = green = blue = np.float32(0)
                weights, pixels = column_weights[x], line[(lefts[x] - first) * 3 :]
                for tap in range(taps):
                    red += weights[tap] * pixels[3 * tap]
                    green += weights[tap] * pixels[3 * tap + 1]
                    blue += weights[tap] * pixels[3 * tap + 2]
                pixel = crop[y, columns - 1 - x if flipped else x]
                pixel[0], pixel[1], pixel[2] = np.rint(red), np.rint(green), np.rint(blue)

    # Without fused multiplications and additions, which are 6% faster, so that every processor gets the same bits.
    compiled: Any = numba.njit(nogil=True, error_model="numpy")
    return compiled(resize)
