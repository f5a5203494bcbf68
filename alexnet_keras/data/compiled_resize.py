"""The square that training wants of a photograph, by loops that are compiled for this processor.

TensorFlow's own operators need three passes over the memory, each shared out to threads that wake up, take a little and
then spin: 1.2 ms of the processor a photograph, where this takes a quarter. The first call compiles for a second.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def rescaled_crop(image: np.ndarray, size: int, offset: np.ndarray, side: int, flipped: bool) -> np.ndarray:
    """The square of `side` pixels at `offset` of `images.resize_and_crop(image, size)`, and no more of it computed.

    Args:
        image: `(H, W, 3)` uint8, 0..255, contiguous.
        size: what the shorter side is rescaled to.
        offset: `(2,)` int32, top and left edge of the square in the central `size` x `size` pixels.
        side: of the square in pixels.
        mirrored: whether to reverse left and right.

    Returns:
        `(side, side, 3)` uint8, 0..255. Where a sum ends within 1e-5 of a half, `resize_and_crop` may round the other
        way, for it adds up in another order.
    """
    sides = np.array(image.shape[:2], np.float32)  # and the same roundings as there
    resized = np.rint(sides * (np.float32(size) / sides.min()))
    corner = np.floor((resized - size) / 2).astype(np.int64) + offset
    square = np.empty((side, side, 3), np.uint8)
    _compiled()(image, resized / sides.astype(np.float64), corner, bool(flipped), square)
    return square


def _spans(count: int, scale: float, corner: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of `length` pixels make up each of `count` rescaled ones, from the place `corner` on, and their weights.

    A triangle of a radius of one pixel, or, when it shrinks, of as many as make one.

    Returns:
        `(count,)` int64, the first pixel of each; `(count, K)` float32, the weights of that one and its successors,
        whose sum is 1. All of them lie within the line.
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
    import numba  # takes a quarter of a second, which only photographs are worth

    compiled: Any = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
    spans = compiled(_spans)

    def cut(image: np.ndarray, scales: np.ndarray, corner: np.ndarray, flipped: bool, square: np.ndarray) -> None:
        height, width, _ = image.shape
        side = len(square)
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
                pixel = square[y, side - 1 - x if flipped else x]
                pixel[0], pixel[1], pixel[2] = np.rint(red), np.rint(green), np.rint(blue)

    return compiled(cut)
