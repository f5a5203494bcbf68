"""The figure of the augmentation shows crops with visible noise, and is repeatable by its seed."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.system.errors import OptionError


def test_augmentation(folder):
    figure = figures.augmentation(str(folder), index=5)
    assert_well_set(figure)
    shifts = [text for text in words(figure) if text.startswith(("+", "-"))]
    assert len(shifts) == 12
    assert all(any(float(value) for value in text.split()) for text in shifts)
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert len({patch.get_edgecolor() for patch in boxes}) == 6
    stored = images(figure)[0]
    assert stored[..., 1].mean() > stored[..., 0].mean() + 60  # image 5 of four blue, four green and four red ones


def test_another_seed_draws_otherwise(folder):
    one, same, other = (images(figures.augmentation(str(folder), seed=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(first, second) for first, second in zip(one, same, strict=True))
    assert not np.array_equal(one[1], other[1])


def test_a_seed_out_of_range(folder):
    with pytest.raises(OptionError, match="`seed` must be 0 to 2,147,483,647, got -1."):
        figures.augmentation(str(folder), seed=-1)
