"""Fixtures for the tests of images: ten images in memory, and the colours of a training set."""

import numpy as np
import pytest

from alexnet_keras.data.color_statistics import ColorStatistics, Moments, color_sums
from alexnet_keras.data.dataset import Split, split_in_memory


@pytest.fixture
def split() -> Split:
    """Ten images; an image's colour is its index, its first row and column of pixels are marked."""
    pictures = np.repeat(np.arange(10, dtype=np.uint8), 256 * 256 * 3).reshape(10, 256, 256, 3)
    return split_in_memory([str(i) for i in range(10)], np.arange(10), pictures)


@pytest.fixture(scope="module")
def statistics() -> ColorStatistics:
    """Colours that vary as photographs' do: together, with a little red against blue."""
    moments, random = Moments(), np.random.RandomState(0)
    light = random.normal(120, 60, (256, 256, 1)) + random.normal(0, 12, (256, 256, 3)) + (15, 0, -15)
    moments.add(color_sums(light.clip(0, 255).astype(np.uint8)))
    return moments.statistics()
