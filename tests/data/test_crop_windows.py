"""The windows of random resized crops have every area, ratio and position that they may have, and no other."""

import numpy as np
import pytest

from alexnet_keras.data.crop_windows import MAX_ASPECT_RATIO, center_corner, crop_windows

UNIFORM = np.random.RandomState(1).random_sample((50_000, 4)).astype(np.float32)


@pytest.mark.parametrize("min_area", [0.01, 0.35, 0.75, 0.99])
@pytest.mark.parametrize("side", [32, 256])
def test_windows_have_uniform_areas_and_ratios_within_their_bounds_and_lie_in_the_image(min_area, side):
    top, left, height, width = crop_windows(UNIFORM, side, min_area).astype(np.int64).T
    assert min(top.min(), left.min()) == 0
    assert max((top + height).max(), (left + width).max()) == side
    # A side is rounded by half a pixel, so the exact window has between the lower and the upper area and ratio.
    low, high = (height - 0.5) * (width - 0.5), (height + 0.5) * (width + 0.5)
    assert np.all(low <= side**2)
    assert np.all(high >= min_area * side**2)
    assert np.all((width - 0.5) / (height + 0.5) <= MAX_ASPECT_RATIO)
    assert np.all((width + 0.5) / (height - 0.5) >= 1 / MAX_ASPECT_RATIO)
    drawn = min_area + (1 - min_area) * UNIFORM[:, 0].astype(np.float64)
    assert np.all((low <= drawn * side**2) & (drawn * side**2 <= high))  # uniform, as the numbers are
    wide, high = (width > height).mean(), (width < height).mean()
    assert abs(wide - high) < 4 / np.sqrt(len(UNIFORM))


def test_windows_of_few_areas_have_every_ratio_and_position():
    uniform = UNIFORM.copy()
    uniform[:, 0] = 0  # the smallest area, 0.25
    top, left, height, width = crop_windows(uniform, 2**14, 0.25).T  # where rounding does not matter
    counts, _ = np.histogram(np.log(width / height), 8, (-np.log(4 / 3), np.log(4 / 3)))
    np.testing.assert_allclose(counts, len(uniform) / 8, rtol=0.1)
    for edge, length in ((top, height), (left, width)):
        counts, _ = np.histogram(edge / (2**14 - length), 4, (0, 1))
        np.testing.assert_allclose(counts, len(uniform) / 4, rtol=0.05)


@pytest.mark.parametrize(("stored_size", "size", "corner"), [(256, 227, 14), (256, 224, 16), (67, 67, 0)])
def test_the_corner_of_the_centre_crop_is_rounded_down(stored_size, size, corner):
    assert center_corner(stored_size, size) == corner
    np.testing.assert_array_equal(
        center_corner(np.array([stored_size, stored_size + 1]), size), [corner, (stored_size + 1 - size) // 2]
    )
