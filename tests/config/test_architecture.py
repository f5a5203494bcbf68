"""An architecture refuses numbers that make no network, and its width scales every layer."""

import dataclasses
import math

import pytest

from alexnet_keras.config.variants import ARCHITECTURES, CIFAR, architecture
from alexnet_keras.system.errors import OptionError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initializer": "zeros"}, "`initializer` must be one of paper, .*, torchvision, got 'zeros'"),
        ({"activation": "gelu"}, "`activation` must be one of relu, tanh, got 'gelu'"),
        ({"order": "caffe"}, "`order` must be one of paper, original, caffenet, got 'caffe'"),
        ({"pool_size": 4}, "`pool_size` must be 2 to 3, got 4"),
        ({"lrn_size": 4}, "`lrn_size` must be an odd number of channels, such as 5, got 4"),
        ({"lrn_k": 0.0}, r"`lrn_k` must be in \(0, 1,000\], got 0.0"),
        ({"lrn_beta": math.nan}, r"`lrn_beta` must be a number, got nan"),
        ({"lrn_alpha": math.inf}, "`lrn_alpha` must be a number, got inf"),
        ({"input_size": 1025}, "`input_size` must be 11 to 1,024, got 1025"),
        ({"lrn_layers": (0, 1)}, r"`lrn_layers` must be 1 to 5, got \(0, 1\)"),
        ({"dropout_layers": ("fc8",)}, r"`dropout_layers` must be one of pool5, fc6, fc7, got \('fc8',\)"),
        ({"conv1_padding": -1}, "`conv1_padding` must be 0 to 10, got -1"),
        ({"input_size": 66}, "`input_size` must be at least 67, got 66: smaller images leave nothing"),
        ({"lrn_across_towers": True, "towers_meet": False}, "`lrn_across_towers` lets the towers meet, which"),
        ({"filters": (96, 256, 384, 384)}, "`filters` must be five numbers, for conv1 to conv5 .or three., got"),
        ({"hidden_units": (4096,)}, r"`hidden_units` must be two numbers, for fc6 and fc7, got \(4096,\)"),
        ({"filters": (95, 256, 384, 384, 256)}, "`filters` must be multiples of the 2 towers, got .95, 256"),
        ({"towers": 3}, "`towers` must be 1 to 2, got 3"),
        ({"hidden_units": (16_384, 4096), "filters": (64, 64, 64, 64, 2048)}, r"need 1.2e\+09 weights in one layer"),
        ({"width": 0.01}, "`width` must be 0.05 to 2, got 0.01"),
        ({"width": 2.0, "filters": (64, 64, 64, 64, 2048)}, r"`hidden_units` \(8192, 8192\) need 1.2e\+09 weights"),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\), got 1.0"),
    ],
)
def test_networks_that_cannot_be_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        architecture("paper", **changes)


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_a_width_scales_channels_and_units_to_multiples_of_8(variant):
    full = ARCHITECTURES[variant]
    numbers = (*full.filters, *full.hidden_units)
    assert (*full.channels, *full.units) == numbers
    for width in (0.05, 0.1, 0.25, 0.3125, 0.5, 0.75, 1.3, 2.0):
        spec = architecture(variant, width=width)
        for number, scaled in zip(numbers, (*spec.channels, *spec.units), strict=True):
            assert scaled % 8 == 0
            assert scaled == 8 or -4 < number * width - scaled <= 4 or number * width - scaled == -4
    quarter = architecture("paper", width=0.25)
    assert (quarter.channels, quarter.units) == ((24, 64, 96, 96, 64), (1024, 1024))
    assert architecture("paper", width=0.375).channels[0] == 40  # 36 is in the middle of 32 and 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": (8, 8)}, "`filters` must be five numbers, for conv1 to conv5 .or three., got"),
        ({"towers": 2}, "make the small network, which needs `towers=1`, `hidden_units=none` and `order=caffenet`"),
        ({"input_size": 10}, "`input_size` must be 11 to 1,024, got 10"),
        ({"pixel_stddev": 0.0}, "`pixel_stddev` must be in .0, 1,000. or none, got 0.0"),
    ],
)
def test_an_impossible_small_network_is_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(CIFAR, **changes)
