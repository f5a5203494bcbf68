"""The scale of response normalization from the options of its layers."""

import pytest

from alexnet_keras.config.lrn_formula import Formula
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization


@pytest.mark.parametrize(("divided", "scale"), [(False, 0.5), (True, 0.1)])
def test_across_channels_there_are_two_conventions(divided, scale):
    assert Formula.across_channels(5, 2.0, 0.5, 0.75, divided) == Formula(5, 2.0, scale, 0.75)


def test_within_channels_alpha_is_divided_by_the_positions_of_the_window():
    assert Formula.within_channels(5, 1.0, 0.5, 0.75) == Formula(5, 1.0, 0.02, 0.75, spatial=True)


def test_a_layer_has_the_formula_of_its_options():
    layer = LocalResponseNormalization(3, 1.5, 0.6, 0.5, divide_alpha_by_size=True)
    assert layer.formula == Formula.across_channels(3, 1.5, 0.6, 0.5, True)
    assert SpatialResponseNormalization(3, 1.5, 0.9, 0.5).formula == Formula.within_channels(3, 1.5, 0.9, 0.5)
