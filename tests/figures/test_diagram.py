"""The diagram of a network has the shapes and kernels of its layers."""

import numpy as np
import pytest
from support.drawings import assert_well_set, texts, words

from alexnet_keras import figures
from alexnet_keras.figures import style
from alexnet_keras.model.alexnet import AlexNet


@pytest.mark.parametrize("variant", ["paper", "original", "one_tower", "batchnorm"])
def test_architecture(variant):
    model = AlexNet(variant, classes=5, filters=(16, 32, 48, 48, 32), hidden_units=(64, 32))
    figure = figures.architecture(model)
    assert_well_set(figure)
    found = words(figure)
    towers = 1 if variant == "one_tower" else 2
    assert found.count(f"13 x 13 x {48 // towers}") == 2 * towers
    assert found.count(f"55 x 55 x {16 // towers}") == towers
    assert "5" in found
    assert "11 x 11, stride 4" in found


def test_a_model_with_a_name_of_its_own_has_no_variant(tiny):
    figure = figures.architecture(AlexNet(tiny, classes=3, input_shape=(67, 67, 3), name="mine"))
    assert "AlexNet: 0.0 million parameters" in words(figure)


def test_windows_cover_the_rows_that_a_unit_sees(narrow):
    (axes,) = figures.architecture(narrow).axes
    windows = [patch.get_xy() for patch in axes.patches if patch.get_facecolor() == (1, 1, 1, 1)]
    heights = {round(float(np.ptp(corners[[0, 3], 1])), 3) for corners in windows}
    sides = {227: 11, 55: 11, 27: 7, 13: 3}  # of feature maps, and of the windows in them
    assert heights == {round(21 * (side / 227) ** 0.45 * rows / side, 3) for side, rows in sides.items()}


def test_a_small_network_fills_the_slide(small):
    figure = figures.architecture(small)
    assert_well_set(figure)
    (name,) = (text for text in texts(figure) if text.get_text() == "fc8")
    assert name.get_position()[0] > 0.75 * figure.axes[0].get_xlim()[1]


def test_lines_between_the_towers_have_a_colour_of_their_own(narrow):
    figure = figures.architecture(narrow)
    dashed = {line.get_color() for line in figure.axes[0].lines if line.get_linestyle() == "--"}
    assert len(dashed) == 1
    assert not dashed & {text.get_color() for text in texts(figure)}
    assert dashed == {style.COLORS[2]}
    assert "Green dashes: from one tower to the other." in " ".join(words(figure)[-1].split())


def test_lines_of_text_have_equal_distances(narrow):
    (axes,) = figures.architecture(narrow).axes
    below = [text for text in axes.texts if text.get_position()[1] < 8]
    left = min(text.get_position()[0] for text in below)
    ys = {text.get_text(): text.get_position()[1] for text in below if text.get_position()[0] == left}
    assert list(ys) == ["11 x 11, stride 4", "response norm.", "max pool 3 x 3"]
    assert np.diff(list(ys.values())) == pytest.approx(-2.1)
