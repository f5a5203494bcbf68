"""NumPy computes the network of a file as Keras does, or leaves the file to Keras."""

import dataclasses
import json

import numpy as np
import pytest
from support import cli, only_error
from support.train_tiny import NETWORK

from alexnet_keras.config import pretrained
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import FEW, ImagePreparation, load_for_few_images
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import save_model
from alexnet_keras.weights import coded_arrays, keras_file

OTHERS = {
    "tanh": {"activation": "tanh"},
    "pooling without overlap": {"pool_size": 2},
    "towers that never meet": {"towers_meet": False},
    "alpha divided by the size": {"lrn_divide_alpha_by_size": True, "lrn_alpha": 0.5, "lrn_beta": 0.6, "lrn_size": 3},
}


WRITERS = {".alexnet": archive.write, ".keras": save_model}


def networks():
    for name, variant in ARCHITECTURES.items():
        narrow = dataclasses.replace(variant, filters=(8,) * 5, hidden_units=(16, 16), initializer="he_normal")
        yield pytest.param(narrow, id=name)
    for name, changes in OTHERS.items():
        yield pytest.param(dataclasses.replace(NETWORK, **changes), id=name)


@pytest.mark.parametrize("network", list(networks()))
def test_numpy_computes_what_keras_computes(network, tmp_path):
    model = AlexNet(network, classes=3, input_shape=(99, 99, 3), class_names=["blue", "green", "red"], mean=[9, 8, 7])
    random = np.random.RandomState(0)
    for layer in model.layers:  # biases and the statistics of batches are zeros and ones at first
        weights = layer.get_weights()
        layer.set_weights([value + random.uniform(0.1, 0.3, value.shape) * (value.ndim == 1) for value in weights])
    images, expected = random.randint(0, 256, (3, 99, 99, 3), np.uint8), from_keras(model)
    probabilities = expected.predict(images)
    assert probabilities.std(axis=0).min() > 1e-5  # the images matter
    for path in (tmp_path / "model.alexnet", tmp_path / "model.keras"):
        WRITERS[path.suffix](model, path)
        found = load_for_few_images(path, 1)
        np.testing.assert_allclose(found.predict(images), probabilities, rtol=1e-4, atol=1e-6)
        for name in ("input_size", "class_names", "variant", "rounded"):
            assert getattr(found, name) == getattr(expected, name)


def test_the_network_in_the_package():
    model, images = (
        AlexNet(weights=pretrained.NAME),
        np.random.RandomState(0).randint(0, 256, (2, 227, 227, 3), np.uint8),
    )
    expected = from_keras(model).predict(images)
    np.testing.assert_allclose(load_for_few_images(pretrained.FILE, 1).predict(images), expected, rtol=1e-4, atol=1e-6)


def test_a_file_in_a_run_is_used_as_the_run_used_it(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"recipe": "quickstart", "upright": False, "stored_size": 96}))
    archive.write(AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3)), tmp_path / "model.alexnet")
    found = load_for_few_images(tmp_path / "model.alexnet", 1)
    assert (found.preparation, found.class_names) == (ImagePreparation(False, 96), ("0", "1", "2"))


@pytest.fixture
def image(folder):
    return next((folder / "val" / "red").iterdir())


@pytest.fixture
def rewritten(tmp_path):
    """Write an archive whose header a function has changed."""

    def write(change):
        path = tmp_path / "model.alexnet"
        archive.write(AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3)), path)
        content = coded_arrays.read(path)
        layers = {entry["config"]["name"]: entry for entry in content.config["config"]["layers"]}
        change(layers)
        path.write_bytes(coded_arrays.join(content.config, content.entries, [content.streams]))
        return path

    return write


def option(layer, name, value):
    def change(layers):
        layers[layer]["config"][name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(option("conv2a", "padding", "causal"), id="another padding"),
        pytest.param(option("conv2a", "dilation_rate", [2, 2]), id="dilation"),
        pytest.param(option("conv2a", "kernel_size", [3, 3]), id="a smaller kernel than its weights"),
        pytest.param(option("conv2a", "strides", [0, 0]), id="no stride"),
        pytest.param(option("conv2a", "groups", 3), id="groups that do not divide the channels"),
        pytest.param(option("conv1a", "kernel_size", [99, 99]), id="a window larger than the image"),
        pytest.param(option("conv2a", "filters", 10**12), id="more weights than a file can have"),
        pytest.param(option("norm1a", "size", 10**9), id="a window that fills the memory"),
        pytest.param(option("norm1a", "beta", "much"), id="a word instead of a number"),
        pytest.param(option("fc6a", "activation", "gelu"), id="another activation"),
        pytest.param(option("fc6a", "use_bias", False), id="no biases"),
        pytest.param(option("pool1a", "padding", "same"), id="another pooling"),
        pytest.param(option("join2", "axis", 1), id="another axis"),
        pytest.param(option("predictions", "activation", "linear"), id="logits"),
        pytest.param(option("predictions", "class_names", ["one"]), id="too few names"),
        pytest.param(option("conv2a", "dtype", {"config": {"name": "mixed_bfloat16"}}), id="another precision"),
        pytest.param(option("images", "batch_shape", [None, 67, 68, 3]), id="images that are not square"),
        pytest.param(lambda layers: layers["fc6a"].update(class_name="Lambda"), id="another layer"),
        pytest.param(
            lambda layers: layers["fc6a"]["inbound_nodes"][0]["kwargs"].update(mask=1), id="a call with options"
        ),
    ],
)
def test_a_file_with_something_else_is_left_to_keras(rewritten, change):
    assert load_for_few_images(rewritten(lambda layers: None), 1) is not None
    assert load_for_few_images(rewritten(change), 1) is None


def test_arrays_that_no_layer_needs_are_left_to_keras(tmp_path):
    path = tmp_path / "model.alexnet"
    archive.write(AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3)), path)
    content = coded_arrays.read(path)
    path.write_bytes(coded_arrays.join(content.config, content.entries[:-1], [content.streams]))
    assert load_for_few_images(path, 1) is None


def test_weights_of_another_shape_are_left_to_keras(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    save_model(AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3)), path)
    assert load_for_few_images(path, 1) is not None
    array = keras_file.Content.array
    monkeypatch.setattr(keras_file.Content, "array", lambda self, layer, index: array(self, layer, index)[None])
    assert load_for_few_images(path, 1) is None


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_damaged_file_is_named(suffix, tmp_path, image):
    path = tmp_path / f"model{suffix}"
    WRITERS[suffix](AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3)), path)
    path.write_bytes(path.read_bytes()[:-1])
    assert load_for_few_images(path, 1) is None
    assert f"model{suffix} is damaged" in only_error(cli("predict", path, image))


@pytest.mark.parametrize("suffix", WRITERS)
def test_weights_that_are_not_finite_are_refused(suffix, tmp_path, image):
    path, model = tmp_path / f"model{suffix}", AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3))
    model.get_layer("fc8").bias.assign([np.nan, 0, 0])
    WRITERS[suffix](model, path)
    assert "is damaged: its probabilities are not finite" in only_error(cli("predict", path, image))


def test_many_images_are_left_to_keras():
    assert load_for_few_images(pretrained.FILE, FEW) is not None
    assert load_for_few_images(pretrained.FILE, FEW + 1) is None


@pytest.mark.parametrize("path", ["missing.keras", "missing.alexnet", "model.tflite"])
def test_other_files_are_left_to_other_modules(path, tmp_path):
    assert load_for_few_images(tmp_path / path, 1) is None
