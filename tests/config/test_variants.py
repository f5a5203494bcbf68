"""A named architecture is data, of which any field can be changed, but no other."""

import dataclasses

import pytest

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.variants import ARCHITECTURES, architecture, variant_of
from alexnet_keras.system.errors import OptionError


def test_variants_are_data():
    assert architecture(architecture("one_tower")) is not None
    assert architecture("caffe", lrn_layers=[1]) == dataclasses.replace(ARCHITECTURES["caffe"], lrn_layers=(1,))
    for name, variant in ARCHITECTURES.items():
        assert isinstance(variant, Architecture)
        assert variant.name == name
        hash(variant)


def test_the_variant_is_in_the_name_of_a_model():
    assert variant_of("alexnet_one_tower") == "one_tower"
    assert variant_of("mine") is None


def test_an_unknown_field_is_named():
    with pytest.raises(OptionError, match="There is no field 'depth'; choose from input_size, .*, initializer"):
        architecture("paper", depth=8)
