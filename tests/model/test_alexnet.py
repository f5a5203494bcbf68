"""The network: shapes, parameters, initial weights, weights from a file."""

import dataclasses

import keras
import numpy as np
import pytest

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError, OptionError

SIDES = {"conv1": 55, "norm1": 55, "pool1": 27, "conv2": 27, "norm2": 27, "pool2": 13}
SIDES |= {"conv3": 13, "conv4": 13, "conv5": 13, "pool5": 6}


@pytest.mark.parametrize(("variant", "parameters"), [("paper", 60_965_224), ("one_tower", 62_378_344)])
def test_shapes_and_parameters_are_those_of_the_literature(variant, parameters):
    model = AlexNet(variant)
    assert model.count_params() == parameters
    assert model.input_shape == (None, 227, 227, 3)
    assert model.output_shape == (None, 1000)
    towers = "ab" if variant == "paper" else [""]
    for name, side in SIDES.items():
        for tower in towers:
            assert model.get_layer(name + tower).output.shape[1:3] == (side, side), name


def test_towers_meet_only_before_conv3_and_the_fully_connected_layers():
    model = AlexNet(classes=10)
    joins = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]
    assert joins == ["join2", "join5", "join6", "join7"]
    for name in ("conv2", "conv4", "conv5"):
        for tower, other in ("ab", "ba"):
            source = model.get_layer(name + tower).input._keras_history.operation.name
            assert source.endswith(tower)
            assert not source.endswith(other)


@pytest.mark.parametrize(("variant", "tower"), [("paper", "b"), ("one_tower", "")])
def test_pools_dropout_and_normalization_are_the_papers(variant, tower):
    model = AlexNet(variant, classes=2)
    for name in ("pool1", "pool2", "pool5"):
        layer = model.get_layer(name + tower)
        assert (layer.pool_size, layer.strides) == ((3, 3), (2, 2))  # section 3.4: s = 2, z = 3
    for name in ("drop6", "drop7"):
        assert model.get_layer(name + tower).rate == 0.5
    for name in ("norm1", "norm2"):  # section 3.3
        layer = model.get_layer(name + tower)
        constants = layer.size, layer.k, layer.alpha, layer.beta, layer.divide_alpha_by_size
        assert constants == (5, 2.0, 1e-4, 0.75, False)
    order = [layer.name for layer in model.layers]
    for first, then in (("conv1", "norm1"), ("norm1", "pool1"), ("conv2", "norm2"), ("norm2", "pool2")):
        assert model.get_layer(then + tower).input is model.get_layer(first + tower).output, order
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
        assert model.get_layer(name + tower).activation is keras.activations.relu


def test_the_papers_initial_weights():
    model = AlexNet("paper", classes=10)
    for name in ("conv1a", "conv2b", "conv3a", "fc6b", "fc8"):
        kernel = model.get_layer(name).kernel.numpy()
        assert abs(kernel.std() - 0.01) < 1e-3, name
        assert abs(kernel.mean()) < 1e-3
    ones = {layer.name for layer in model.layers if layer.weights and np.all(layer.bias.numpy() == 1)}
    assert ones == {name + tower for name in ("conv2", "conv4", "conv5", "fc6", "fc7") for tower in "ab"}
    assert model.get_layer("mean").stddev == 1


def test_he_normal_keeps_the_signal_alive():
    model = AlexNet("paper", classes=10, initializer="he_normal", classifier_activation=None)
    assert model.get_layer("mean").stddev == 64
    images = np.random.RandomState(0).randint(0, 256, (4, 227, 227, 3), dtype=np.uint8)
    stages = keras.Model(model.input, [model.get_layer(name).output for name in ("conv1a", "conv5b", "fc7a")])
    for activity in stages(images):
        assert 0.05 < np.std(activity) < 5


def test_uint8_and_float_images_are_the_same_to_the_model(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    images = np.random.RandomState(1).randint(0, 256, (2, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_array_equal(model(images), model(images.astype("float32")))


def test_smallest_input_works_and_a_smaller_one_names_it(tiny):
    side = 67
    assert AlexNet(tiny, classes=2, input_shape=(side, side, 3)).get_layer("pool5a").output.shape[1:3] == (1, 1)
    with pytest.raises(OptionError, match=r"\(227, 66, 3\) is too small .* smallest that works is \(67, 67, 3\)"):
        AlexNet(tiny, input_shape=(227, side - 1, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (227, 227, 1)}, r"input_shape must be \(height, width, 3\), raw RGB, got \(227, 227, 1\)"),
        (
            {"input_shape": (None, None, 3)},
            r"input_shape must be numbers, the height and width too, got \(None, None, 3",
        ),
        ({"classes": 0}, "classes must be at least 1, got 0"),
        ({"classes": 3, "class_names": ("a", "b")}, "class_names has 2 names for classes=3"),
        ({"variant": "vgg"}, "There is no variant 'vgg'; choose from original, paper, caffe, caffenet, one_tower, owt"),
        (
            {"initializer": "zeros"},
            "initializer must be one of paper, original, caffe, caffenet, he_normal, .*, got 'zeros'",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        AlexNet(**arguments)


def test_without_top_it_ends_in_the_last_pool(tiny):
    model = AlexNet(tiny, include_top=False)
    assert model.output_shape == (None, 6, 6, 8)
    assert not any(isinstance(layer, keras.layers.Dense) for layer in model.layers)


def test_trains_saves_and_loads_like_any_keras_model(tiny, tmp_path):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), mean=(1, 2, 3), class_names=("a", "b", "c"))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    images = np.random.RandomState(2).randint(0, 256, (6, 67, 67, 3), dtype=np.uint8)
    model.fit(images, np.arange(6) % 3, batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
    assert loaded.get_layer("predictions").class_names == ("a", "b", "c")

    again = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), weights=tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))
    features = AlexNet(tiny, include_top=False, weights=tmp_path / "model.keras")
    np.testing.assert_array_equal(features.get_layer("conv5b").kernel, model.get_layer("conv5b").kernel)


def test_weights_of_another_network_are_refused_and_nothing_is_loaded_by_halves(tiny, tmp_path):
    path = tmp_path / "model.keras"
    AlexNet(tiny, classes=3, input_shape=(67, 67, 3)).save(path)
    with pytest.raises(InputError, match=r"model.keras has fc8/kernel of shape \(16, 3\), the model needs \(16, 4\)"):
        AlexNet(tiny, classes=4, input_shape=(67, 67, 3), weights=path)
    with pytest.raises(
        InputError, match=r"model.keras has conv2/kernel of shape \(5, 5, 4, 8\), the model needs \(5, 5, 8, 8\)"
    ):
        AlexNet(dataclasses.replace(tiny, towers=1), classes=3, input_shape=(67, 67, 3), weights=path)


def test_files_that_hold_no_alexnet_are_refused(tmp_path):
    with pytest.raises(OptionError, match="There is no model file .*absent.keras"):
        load_model(tmp_path / "absent.keras")
    text = tmp_path / "text.keras"
    text.write_text("no model")
    with pytest.raises(InputError, match="text.keras is not a Keras model, or a damaged one"):
        load_model(text)
    foreign = tmp_path / "foreign.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="other").save(foreign)
    with pytest.raises(InputError, match="foreign.keras holds the model 'other', which is no AlexNet"):
        load_model(foreign)
    archive = tmp_path / "weights.h5"
    archive.write_text("")
    with pytest.raises(InputError, match="is no .keras file"):
        load_model(archive)
    with pytest.raises(InputError, match="is no .keras file; only those, and runs, hold a Keras model"):
        load_model(tmp_path)


def test_dtype_policy_reaches_every_layer_but_the_probabilities(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.layers if layer.name != "images"} == {"bfloat16"}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model(np.zeros((1, 67, 67, 3))).dtype == "float32"
