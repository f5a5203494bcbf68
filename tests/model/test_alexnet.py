"""The network: every layer of every variant against NumPy, and the arguments of AlexNet."""

import functools

import keras
import numpy as np
import pytest
from support import alexnets

from alexnet_keras.config.architecture import ORDERS
from alexnet_keras.config.variants import ARCHITECTURES, architecture
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.response_normalization import LocalResponseNormalization, SpatialResponseNormalization
from alexnet_keras.model.summary import summarize
from alexnet_keras.system.errors import OptionError

NARROW = {"filters": (16, 16, 12, 12, 8), "hidden_units": (12, 8)}
SMALLER = 128  # pixels less than the input size of a variant: 32 strides of conv1, so that its borders stay the same

NETWORKS = {
    **{name: (name, {}, getattr(alexnets, name)) for name in ARCHITECTURES},
    # he_normal divides pixels by 64, so that they do not saturate tanh.
    "tanh": ("paper", {"activation": "tanh", "initializer": "he_normal"}, functools.partial(alexnets.paper, f=np.tanh)),
    "plain pooling": ("paper", {"pool_size": 2}, functools.partial(alexnets.paper, pool=2)),
    "no lrn": ("paper", {"lrn_layers": ()}, functools.partial(alexnets.paper, norms=())),
    "lrn everywhere": ("paper", {"lrn_layers": (1, 2, 3, 4, 5)}, functools.partial(alexnets.paper, norms=(1, 2, 3))),
    "4 channels in each tower": ("paper", {"width": 0.05}, alexnets.paper),  # fewer than the window of LRN
    "towers apart": ("paper", {"towers_meet": False}, alexnets.apart),
}


def narrow(variant, **changes):
    """A narrow network of a variant for small images, with random weights that keep activations at tens.

    Response normalization shows at this size. Batch normalization gets random statistics.
    """
    side = ARCHITECTURES[variant].input_size - SMALLER
    model = AlexNet(variant, classes=5, input_shape=(side, side, 3), mean=(120, 110, 100), **NARROW, **changes)
    random = np.random.RandomState(0)
    weights = {}
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
        weights[layer.name] = [weight.astype(np.float64) for weight in layer.get_weights()]
    image = np.random.RandomState(1).randint(0, 256, (side, side, 3), dtype=np.uint8)
    return model, weights, image


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_equals_numpy(name):
    variant, changes, network = NETWORKS[name]
    model, weights, image = narrow(variant, **changes)
    trace = network((image - np.array([120, 110, 100])) / model.get_layer("mean").stddev, weights)

    compared = [layer for layer in model.layers if layer.name in trace]
    assert set(weights) <= set(trace)
    outputs = keras.Model(model.input, [layer.output for layer in compared])(image[None])
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
def test_normalization_matters_in_the_comparison(variant):
    """A wrong constant would show, because the sums of squares are large beside k."""
    model, _, image = narrow(variant)
    norms = [layer for layer in model.layers if "norm" in layer.name]
    assert len(norms) >= 2
    pairs = keras.Model(model.input, [[layer.input, layer.output] for layer in norms])(image[None])
    for layer, (before, after) in zip(norms, pairs, strict=True):
        shrunk = np.abs(after).sum() / np.abs(before).sum() / layer.k**-layer.beta
        assert shrunk < 0.9, (layer.name, shrunk)


STEPS = {
    keras.layers.BatchNormalization: "batch_normalization",
    keras.layers.Activation: "activation",
    LocalResponseNormalization: "lrn",
    SpatialResponseNormalization: "spatial_lrn",
    keras.layers.MaxPooling2D: "pool",
}


@pytest.mark.parametrize("batch_normalization", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_the_steps_of_each_layer_are_in_the_order_of_the_architecture(order, batch_normalization):
    changes = {"order": order, "batch_normalization": batch_normalization, "lrn_layers": (1, 2, 4, 5), **NARROW}
    model = AlexNet("one_tower", include_top=False, input_shape=(67, 67, 3), **changes)
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            found.append([] if layer.activation is keras.activations.linear else ["activation"])
        elif type(layer) in STEPS:
            found[-1].append(STEPS[type(layer)])
    assert tuple(map(tuple, found)) == architecture("one_tower", **changes).stages


def test_towers_meet_only_before_conv3_and_the_fully_connected_layers(tiny):
    model = AlexNet(tiny, classes=10, input_shape=(67, 67, 3))
    joins = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]
    assert joins == ["join2", "join5", "join6", "join7"]
    for name in ("conv2", "conv4", "conv5"):
        for tower in "ab":
            source = model.get_layer(name + tower).input._keras_history.operation.name
            assert source[-2:] in {f"{number}{tower}" for number in range(1, 6)}


@pytest.mark.parametrize(("variant", "tower"), [("paper", "b"), ("one_tower", "")])
def test_pooling_dropout_and_normalization_are_those_of_the_paper(variant, tower):
    model = AlexNet(variant, classes=2, **NARROW)
    for name in ("pool1", "pool2", "pool5"):
        layer = model.get_layer(name + tower)
        assert (layer.pool_size, layer.strides) == ((3, 3), (2, 2))  # section 3.4: s = 2, z = 3
    for name in ("drop6", "drop7"):
        assert model.get_layer(name + tower).rate == 0.5
    for name in ("norm1", "norm2"):  # section 3.3
        layer = model.get_layer(name + tower)
        constants = layer.size, layer.k, layer.alpha, layer.beta, layer.divide_alpha_by_size
        assert constants == (5, 2.0, 1e-4, 0.75, False)
    for first, then in (("conv1", "norm1"), ("norm1", "pool1"), ("conv2", "norm2"), ("norm2", "pool2")):
        assert model.get_layer(then + tower).input is model.get_layer(first + tower).output
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
        assert model.get_layer(name + tower).activation is keras.activations.relu


def test_each_variant_has_its_dropout():
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
    for shape in (smallest - 1, 227, 3), (227, smallest - 1, 3):
        message = rf"`input_shape` \({shape[0]}, {shape[1]}, 3\) is too small.* works is \({smallest}, {smallest}, 3\)"
        with pytest.raises(OptionError, match=message):
            AlexNet(variant, input_shape=shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (227, 227, 1)}, r"`input_shape` must be \(height, width, 3\), .* got \(227, 227, 1\)"),
        (
            {"input_shape": (None, None, 3)},
            r"\(None, None, 3\) has no height or no width, .*; pass numbers, such as \(227",
        ),
        ({"classes": 0}, "`classes` must be at least 1, got 0"),
        ({"classes": 3, "class_names": ("a", "b")}, "`class_names` has 2 names for 3 classes; pass one for each class"),
        (
            {"variant": "vgg"},
            "`variant` 'vgg' is unknown; choose from original, paper, caffe, caffenet, one_tower, owt",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        AlexNet(**arguments)


def test_without_the_top_it_ends_in_the_last_pooling_layer(tiny):
    model = AlexNet(tiny, include_top=False)
    assert model.output_shape == (None, 6, 6, 8)
    assert not any(isinstance(layer, keras.layers.Dense) for layer in model.layers)


def test_uint8_and_float_images_give_the_same_outputs(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    images = np.random.RandomState(1).randint(0, 256, (2, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_array_equal(model(images), model(images.astype("float32")))


def test_the_dtype_policy_reaches_every_layer_but_not_the_probabilities(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.layers if layer.name != "images"} == {"bfloat16"}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model(np.zeros((1, 67, 67, 3))).dtype == "float32"
