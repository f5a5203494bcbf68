"""Every variant against NumPy, layer by layer, and its numbers against arithmetic."""

import dataclasses
import functools
import math

import keras
import numpy as np
import pytest
from support import alexnets

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.citations import constants
from alexnet_keras.config.variants import ARCHITECTURES, architecture
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.summary import summarize
from alexnet_keras.system.errors import OptionError

NARROW = {"filters": (16, 16, 12, 12, 8), "hidden_units": (12, 8)}

NETWORKS = {
    **{name: (name, {}, getattr(alexnets, name)) for name in ARCHITECTURES},
    # Divided by 64, pixels do not saturate it.
    "tanh": ("paper", {"activation": "tanh", "initializer": "he_normal"}, functools.partial(alexnets.paper, f=np.tanh)),
    "plain pooling": ("paper", {"pool_size": 2}, functools.partial(alexnets.paper, pool=2)),
    "no lrn": ("paper", {"lrn_layers": ()}, functools.partial(alexnets.paper, norms=())),
    "lrn everywhere": ("paper", {"lrn_layers": (1, 2, 3, 4, 5)}, functools.partial(alexnets.paper, norms=(1, 2, 3))),
    "towers apart": ("paper", {"towers_meet": False}, alexnets.apart),
}


def weights_at_random(model):
    """Weights that keep activities at tens, where normalization matters, and statistics for batch normalization."""
    random = np.random.RandomState(0)
    found = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        first, second = (weight.shape for weight in layer.weights)
        if layer.name.startswith("batchnorm"):
            values = random.normal(0, 1, first), random.uniform(0.5, 2, second)
        else:
            width = np.sqrt(2 / np.prod(first[:-1])) * (2.0 if layer.name.startswith("conv") else 1.0)
            values = random.normal(0, width, first), random.normal(0, 1, second)
        layer.set_weights(values)
        found[layer.name] = [weight.astype(np.float64) for weight in layer.get_weights()]
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_equals_numpy(name):
    variant, changes, network = NETWORKS[name]
    model = AlexNet(variant, classes=5, mean=(120, 110, 100), **NARROW, **changes)
    weights = weights_at_random(model)
    side = ARCHITECTURES[variant].input_size
    image = np.random.RandomState(1).randint(0, 256, (side, side, 3))
    trace = network((image - np.array([120, 110, 100])) / model.get_layer("mean").stddev, weights)

    compared = [layer for layer in model.layers if layer.name in trace]
    assert {layer.name for layer in model.layers if layer.weights} <= set(trace)
    outputs = keras.Model(model.input, [layer.output for layer in compared])(image[None].astype(np.uint8))
    for layer, output in zip(compared, outputs, strict=True):
        expected = trace[layer.name]
        assert output.shape[1:] == expected.shape, layer.name
        np.testing.assert_allclose(
            output[0], expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max(), err_msg=layer.name
        )

    counted = {row.name: row for row in summarize(model)}
    assert {row: counted[row].multiply_adds for row in trace.multiply_adds} == trace.multiply_adds
    assert sum(row.multiply_adds for row in counted.values()) == sum(trace.multiply_adds.values())
    assert {row: counted[row].parameters for row in weights} == {
        row: sum(map(np.size, weights[row])) for row in weights
    }


@pytest.mark.parametrize("variant", [name for name in ARCHITECTURES if ARCHITECTURES[name].lrn_layers])
def test_normalization_matters_in_what_was_compared(variant):
    """So that a wrong constant would show: the sums of squares are not lost beside k."""
    model = AlexNet(variant, classes=5, **NARROW)
    weights_at_random(model)
    images = np.random.RandomState(1).randint(0, 256, (1, *model.input_shape[1:]), dtype=np.uint8)
    norms = [layer for layer in model.layers if "norm" in layer.name]
    assert len(norms) >= 2
    for layer in norms:
        before, after = keras.Model(model.input, [layer.input, layer.output])(images)
        shrunk = np.abs(after).sum() / np.abs(before).sum() / layer.k**-layer.beta
        assert shrunk < 0.9, (layer.name, shrunk)


def fully_connected(maps, units=4096, classes=1000):
    return [36 * maps * units + units, units * units + units, units * classes + classes]


PARAMETERS = {  # conv1 to conv5: (weights of a filter + its bias) * filters; then fc6 to fc8
    "two towers": [(363 + 1) * 96, (25 * 48 + 1) * 256, (9 * 256 + 1) * 384, (9 * 192 + 1) * 384, (9 * 192 + 1) * 256],
    "one tower": [(363 + 1) * 96, (25 * 96 + 1) * 256, (9 * 256 + 1) * 384, (9 * 384 + 1) * 384, (9 * 384 + 1) * 256],
    "owt": [(363 + 1) * 64, (25 * 64 + 1) * 192, (9 * 192 + 1) * 384, (9 * 384 + 1) * 256, (9 * 256 + 1) * 256],
}
MULTIPLY_ADDS = {  # places * weights of a filter * filters; fc6 to fc8 have one place
    "two towers": [
        *(55 * 55 * 363 * 96, 27 * 27 * 25 * 48 * 256, 13 * 13 * 9 * 256 * 384),
        *(13 * 13 * 9 * 192 * 384, 13 * 13 * 9 * 192 * 256, 9216 * 4096 + 4096 * 4096 + 4096 * 1000),
    ],
    "one tower": [
        *(55 * 55 * 363 * 96, 27 * 27 * 25 * 96 * 256, 13 * 13 * 9 * 256 * 384),
        *(13 * 13 * 9 * 384 * 384, 13 * 13 * 9 * 384 * 256, 9216 * 4096 + 4096 * 4096 + 4096 * 1000),
    ],
    "owt": [
        *(55 * 55 * 363 * 64, 27 * 27 * 25 * 64 * 192, 13 * 13 * 9 * 192 * 384),
        *(13 * 13 * 9 * 384 * 256, 13 * 13 * 9 * 256 * 256, 9216 * 4096 + 4096 * 4096 + 4096 * 1000),
    ],
}
STATISTICS = 2 * (96 + 256 + 384 + 384 + 256 + 4096 + 4096)  # a mean and a variance for each unit


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_parameters_and_multiply_adds_are_those_of_the_arithmetic(variant, summaries):
    kind = {"one_tower": "one tower", "owt": "owt"}.get(variant, "two towers")
    rows = summaries[variant]
    expected = sum(PARAMETERS[kind]) + sum(fully_connected(256)) + (STATISTICS if variant == "batchnorm" else 0)
    assert sum(row.parameters for row in rows) == expected
    assert sum(row.multiply_adds for row in rows) == sum(MULTIPLY_ADDS[kind])
    known = {"two towers": 60_965_224, "one tower": 62_378_344, "owt": 61_100_840}  # of the literature
    assert expected - (STATISTICS if variant == "batchnorm" else 0) == known[kind]
    assert {row.shape[0] for row in rows if row.name in ("conv1", "conv1a", "conv1b")} == {55}
    assert {row.shape[-1] for row in rows if row.name == "flatten"} == {9216}


INITIAL = {  # standard deviations that differ from 0.01, and the bias of conv2, conv4, conv5, fc6, fc7
    "paper": ({}, 1),
    "original": ({"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}, 1),
    "caffe": ({"fc6": 0.005, "fc7": 0.005}, 0.1),
    "caffenet": ({"fc6": 0.005, "fc7": 0.005}, 1),
}


@pytest.mark.parametrize("initializer", INITIAL)
def test_initial_weights_of_fixed_width(initializer):
    stddevs, bias = INITIAL[initializer]
    model = AlexNet("paper", classes=40, initializer=initializer, filters=(96, 64, 64, 64, 64), hidden_units=(64, 64))
    for layer in (layer for layer in model.layers if layer.weights):
        name = layer.name.rstrip("ab")
        assert layer.kernel.numpy().std() == pytest.approx(stddevs.get(name, 0.01), rel=0.05), name
        biased = name in ("conv2", "conv4", "conv5", "fc6", "fc7")
        assert np.all(layer.bias.numpy() == np.float32(bias if biased else 0)), name
    assert model.get_layer("mean").stddev == 1


def test_initial_weights_that_are_scaled():
    small = {"classes": 40, "filters": (96, 64, 64, 64, 64), "hidden_units": (64, 64)}
    glorot = AlexNet("paper", initializer="glorot_uniform", **small)
    assert glorot.get_layer("mean").stddev == 64
    limit = np.sqrt(6 / (25 * 48 + 25 * 32))
    assert 0.98 * limit < np.abs(glorot.get_layer("conv2a").kernel).max() <= limit
    torchvision = AlexNet("paper", initializer="torchvision", **small)
    for weight in torchvision.get_layer("conv2a").weights:
        assert 0.8 / np.sqrt(25 * 48) < np.abs(weight).max() <= 1 / np.sqrt(25 * 48)


def test_dropout_lies_where_each_variant_has_it():
    def dropped(variant):
        layers = AlexNet(variant, classes=2, **NARROW).layers
        return {layer.name: layer.input.shape[-1] for layer in layers if isinstance(layer, keras.layers.Dropout)}

    assert dropped("paper") == {"drop6a": 6, "drop6b": 6, "drop7a": 4, "drop7b": 4}
    assert dropped("owt") == {"drop5": 36 * 8, "drop6": 12}  # before fc6 and before fc7
    assert dropped("batchnorm") == {}


@pytest.mark.parametrize(("variant", "smallest"), [("paper", 67), ("original", 64), ("owt", 63), ("one_tower", 67)])
def test_the_smallest_input_of_a_variant(variant, smallest):
    model = AlexNet(variant, classes=2, input_shape=(smallest, smallest, 3), **NARROW)
    assert model.get_layer("flatten").output.shape[-1] == 8
    with pytest.raises(OptionError, match=rf"the smallest that works is \({smallest}, {smallest}, 3\)"):
        AlexNet(variant, input_shape=(smallest - 1, smallest, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 8}, "A network has no 'depth'; what can be changed is input_size, .*, initializer"),
        ({"activation": "gelu"}, "activation must be one of relu, tanh, got 'gelu'"),
        ({"order": "caffe"}, "order must be one of paper, original, caffenet, got 'caffe'"),
        ({"pool_size": 4}, "pool_size must be 3, which overlaps, or 2, got 4"),
        ({"lrn_size": 4}, "lrn_size must be an odd number of maps, such as 5, got 4"),
        ({"lrn_k": 0.0}, "lrn_k must be positive and finite, got 0.0"),
        ({"lrn_beta": math.nan}, "lrn_beta must be positive and finite, got nan"),
        ({"lrn_alpha": math.inf}, "lrn_alpha must be not negative and finite, got inf"),
        ({"input_size": 1025}, "input_size 1025 is too large, .* the largest is 1024"),
        ({"lrn_layers": (0, 1)}, r"lrn_layers must be of 1 to 5, got \(0, 1\)"),
        ({"dropout_layers": ("fc8",)}, r"dropout_layers must be of pool5, fc6, fc7, got \('fc8',\)"),
        ({"conv1_padding": -1}, "conv1_padding must not be negative, got -1"),
        ({"input_size": 66}, "input_size 66 is too small .* the smallest that works is 67"),
        ({"lrn_across_towers": True, "towers_meet": False}, "lrn_across_towers lets the towers meet, which"),
        ({"filters": (96, 256, 384, 384)}, "filters must be five numbers, conv1 to conv5, got"),
        ({"hidden_units": (4096,)}, r"hidden_units must be two numbers, fc6 and fc7, got \(4096,\)"),
        ({"filters": (95, 256, 384, 384, 256)}, "Every width must be a positive multiple of towers=2, got 95"),
        ({"towers": 3}, "towers must be 1 or 2, got 3"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_networks_that_cannot_be_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        architecture("paper", **changes)


def test_variants_are_data():
    assert architecture(architecture("one_tower")) is not None
    assert architecture("caffe", lrn_layers=[1]) == dataclasses.replace(ARCHITECTURES["caffe"], lrn_layers=(1,))
    for name, variant in ARCHITECTURES.items():
        assert isinstance(variant, Architecture)
        assert variant.name == name
        hash(variant)


LRN = {"lrn_size", "lrn_k", "lrn_alpha", "lrn_beta", "lrn_divide_alpha_by_size", "lrn_across_towers"}
UNUSED = {"owt": LRN, "batchnorm": LRN | {"dropout_layers"}}


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_every_number_of_a_variant_has_its_source(variant):
    spec = ARCHITECTURES[variant]
    rows = {name: (value, source) for name, value, source in constants(spec)}
    assert {name: value for name, (value, _) in rows.items() if name not in ("kernels", "strides")} == {
        field.name: getattr(spec, field.name)
        for field in dataclasses.fields(spec)
        if field.name not in {"name"} | UNUSED.get(variant, set())
    }
    assert all(len(source) > 5 and source != "changed" for _, source in rows.values())
    changed = {name: source for name, _, source in constants(dataclasses.replace(spec, dropout=0.25))}
    assert [name for name, source in changed.items() if source == "changed"] == ["dropout"]
