"""A `.keras` file gives its configuration and each array, or one message says what is wrong with it."""

import zipfile

import numpy as np
import pytest
from support.weight_files import narrow

from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError
from alexnet_keras.weights import keras_file


@pytest.fixture(scope="module")
def model():
    return AlexNet(narrow(), classes=3, input_shape=(67, 67, 3))


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "a.keras")
    return tmp_path / "a.keras"


def rewrite(path, change):
    """Write the file again with other members: `change` gets and returns name -> content."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in change(members).items():
            archive.writestr(name, content)


def test_every_array_of_a_model_is_read_by_its_layer_and_place(model, path):
    with keras_file.opened(path) as content:
        assert content.config["config"]["name"] == model.name
        assert content.size == sum(4 * weight.numpy().size for weight in model.weights)
        for layer in model.layers:
            for index, weight in enumerate(layer.weights):
                np.testing.assert_array_equal(content.array(layer.name, index), weight.numpy(), err_msg=weight.path)


@pytest.mark.parametrize(("layer", "index"), [("conv9", 0), ("conv1a", 2)])
def test_an_array_that_the_file_lacks_is_damage(layer, index, path):
    with (
        pytest.raises(InputError, match="a.keras is damaged, or is not a Keras model") as error,
        keras_file.opened(path) as content,
    ):
        content.array(layer, index)
    assert isinstance(error.value.__cause__, KeyError)


def test_a_message_of_the_block_itself_is_kept(path):
    with pytest.raises(InputError, match="^not an AlexNet$"), keras_file.opened(path):
        raise InputError("not an AlexNet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda members: {**members, "code.py": b""},
            "does not hold exactly config.json, metadata.json, model",
        ),
        (
            lambda members: {"config.json": members["config.json"]},
            "does not hold exactly config.json, metadata.json, m",
        ),
        (lambda members: {**members, "model.weights.h5": b"no HDF5"}, "is damaged, or is not a Keras model; train or"),
        (lambda members: {**members, "config.json": b"{"}, "/config.json is damaged: it holds no valid JSON"),
        (
            lambda members: {**members, "config.json": b" " * keras_file.CONFIG_BYTES + members["config.json"]},
            "/config.json is damaged: it holds no valid JSON",
        ),
    ],
    ids=["another member", "members missing", "weights", "configuration", "long configuration"],
)
def test_a_damaged_file_is_one_message(change, message, path):
    rewrite(path, change)
    with pytest.raises(InputError, match=f"a.keras ?{message}"), keras_file.opened(path):
        pass
