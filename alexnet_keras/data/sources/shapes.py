"""The embedded data set of ten shapes, drawn by this module: the same bytes on every machine.

Only the form tells the class. Colours, position, angle and size have the same distribution for all ten classes, and a
form's size is its area, so that neither colours nor their amounts tell the class. The pixels that a form covers are
computed in integers, from sines, cosines and roots that are rounded to integers first. Floating point would round
differently on different machines and move pixels at the edges.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from alexnet_keras.config.training import STORED_SIZE

NUM_IMAGES = {"train": 2000, "validation": 500}
UNIT = 1024  # the grid on which forms are defined: -UNIT..UNIT in both directions
FRACTION = 14  # bits of the fixed point: 1024 / 60 * 2 ** 14 * 126 pixels stays within 32 bits

Form = Callable[[np.ndarray, np.ndarray], np.ndarray]  # integer x (right) and y (down) -> which points are inside


def _polygon(*corners: tuple[int, int]) -> Form:
    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        result = np.zeros(np.broadcast(x, y).shape, bool)
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            if y1 == y2:
                continue
            # The edge meets this row, and the meeting point is to the right: even-odd rule, without division.
            side = (x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)
            result ^= ((y1 > y) != (y2 > y)) & ((side < 0) == (y2 > y1))
        return result

    return inside


def _circle(radius: int, center: int = 0) -> Form:
    return lambda x, y: (x - center) ** 2 + y**2 <= radius**2


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _circle(1000)(x, y) & ~_circle(620)(x, y)


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _circle(1000)(x, y) & ~_circle(860, center=460)(x, y)


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lobes = ((abs(x) - 440) ** 2 + (y + 300) ** 2) <= 500**2
    return lobes | _polygon((-900, -100), (0, -420), (900, -100), (0, 1000))(x, y)


FORMS: dict[str, Form] = {
    "arrow": _polygon((0, -1000), (760, -100), (280, -100), (280, 1000), (-280, 1000), (-280, -100), (-760, -100)),
    "circle": _circle(1000),
    "crescent": _crescent,
    "cross": _polygon(
        *((-300, -1000), (300, -1000), (300, -300), (1000, -300), (1000, 300), (300, 300)),
        *((300, 1000), (-300, 1000), (-300, 300), (-1000, 300), (-1000, -300), (-300, -300)),
    ),
    "heart": _heart,
    "lightning": _polygon((60, -1000), (-700, 260), (-110, 260), (-420, 1000), (720, -340), (150, -340), (620, -1000)),
    "ring": _ring,
    "square": _polygon((-800, -800), (800, -800), (800, 800), (-800, 800)),
    "star": _polygon(
        *((0, -1000), (225, -309), (951, -309), (363, 118), (588, 809)),
        *((0, 382), (-588, 809), (-363, 118), (-951, -309), (-225, -309)),
    ),
    "triangle": _polygon((0, -1000), (866, 500), (-866, 500)),
}
CLASS_NAMES = tuple(FORMS)


@cache
def _area(name: str) -> float:
    """Compute the fraction of the square of side 2 * UNIT that a form covers."""
    grid = np.arange(-UNIT, UNIT, 8)
    return float(FORMS[name](grid[None, :], grid[:, None]).mean())


def draw(split: str, index: int) -> tuple[np.ndarray, int]:
    """Draw one image.

    Args:
        split: `"train"` or `"validation"`.
        index: from 0; the class is `index % 10`.

    Returns:
        The image, `(256, 256, 3)` uint8, 0..255, and its class.
    """
    # The legacy generator, because its streams are frozen for all versions of NumPy.
    random = np.random.RandomState([list(NUM_IMAGES).index(split), index])
    label = index % len(CLASS_NAMES)
    name = CLASS_NAMES[label]

    ground, form = _two_colors(random)
    drift = random.randint(-40, 41, size=(2, 3)).astype(np.int16)  # colour change from one border to the other
    place = np.arange(STORED_SIZE, dtype=np.int16)
    image = (place[:, None, None] * drift[0] + place[None, :, None] * drift[1]) >> 8  # / 256
    image += ground.astype(np.int16)

    # A form of this area everywhere: covered pixels = side ** 2 * fraction of the unit square, side = 2 * half.
    covered = random.randint(7_000, 12_000)
    half = round(float(np.sqrt(covered / _area(name))) / 2)
    reach = int(half * 1.15)  # the farthest corner, (620, -1000), is 1177 / UNIT = 1.149 away
    center_x, center_y = random.randint(reach, STORED_SIZE - reach, size=2)
    angle = np.deg2rad(random.randint(-20, 21))
    scale = (1 << FRACTION) * UNIT / half
    cosine, sine = round(float(np.cos(angle)) * scale), round(float(np.sin(angle)) * scale)
    offset = np.arange(-reach, reach + 1, dtype=np.int32)
    x = (offset[None, :] * cosine + offset[:, None] * sine) >> FRACTION
    y = (offset[:, None] * cosine - offset[None, :] * sine) >> FRACTION
    window = image[center_y - reach : center_y + reach + 1, center_x - reach : center_x + reach + 1]
    window[FORMS[name](x, y)] = form

    image += random.randint(-20, 21, size=(STORED_SIZE, STORED_SIZE, 1), dtype=np.int8)
    return np.clip(image, 0, 255).astype(np.uint8), label


def _two_colors(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    while True:
        ground, form = random.randint(0, 256, size=(2, 3))
        if form.sum() - ground.sum() >= 200:
            return ground, form
