"""The formats of `export` and their quantizations."""

from alexnet_keras.config.formats import QUANTIZATIONS
from alexnet_keras.export.export import FORMATS
from alexnet_keras.export.parity import BOUNDS


def test_every_format_is_written():
    assert {name: form.quantizations for name, form in FORMATS.items()} == QUANTIZATIONS


def test_every_quantization_has_its_bounds():
    assert set(BOUNDS) == {quantize for values in QUANTIZATIONS.values() for quantize in values}
