"""Colour statistics against NumPy's own, and the same whatever the order."""

import dataclasses

import numpy as np
import pytest

from alexnet_keras.config.serialization import build
from alexnet_keras.data.color_statistics import ColorStatistics, Moments, color_sums
from alexnet_keras.system.errors import OptionError

IMAGES = np.random.RandomState(0).randint(0, 256, (7, 16, 16, 3), dtype=np.uint8)
IMAGES[..., 1] = IMAGES[..., 0] // 2 + IMAGES[..., 1] // 2  # red and green go together


def moments(order):
    result = Moments()
    for index in order:
        result.add(color_sums(IMAGES[index]))
    return result


def test_statistics_are_numpys():
    result = moments(range(7)).statistics()
    pixels = IMAGES.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(result.mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(pixels.T, bias=True), rtol=1e-9)


def test_eigenvectors_are_rows_with_the_largest_value_first():
    result = moments(range(7)).statistics()
    vectors, values = np.array(result.eigenvectors), np.array(result.eigenvalues)
    assert list(values) == sorted(values, reverse=True)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(vectors.T @ np.diag(values) @ vectors, result.covariance, rtol=1e-9)
    assert all(row[np.abs(row).argmax()] > 0 for row in vectors)


def test_no_order_and_no_division_into_parts_changes_a_digit():
    whole = moments(range(7)).statistics()
    assert moments(reversed(range(7))).statistics() == whole
    parts = moments([5, 1, 2])
    parts.add(moments([0, 6, 3, 4]).sums)
    assert parts.statistics() == whole
    assert build(ColorStatistics, dataclasses.asdict(whole), "statistics") == whole
    with pytest.raises(OptionError, match="Colour statistics must have three values for each of three colours"):
        build(ColorStatistics, {**dataclasses.asdict(whole), "eigenvalues": [1.0, 2.0]}, "statistics")


def test_a_single_color_has_no_negative_variance():
    one = Moments()
    one.add(color_sums(np.full((16, 16, 3), 77, np.uint8)))
    assert one.statistics().eigenvalues == (0.0, 0.0, 0.0)
    assert one.statistics().mean == (77.0, 77.0, 77.0)
