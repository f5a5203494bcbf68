"""A configuration from somebody else builds an AlexNet, or nothing."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from alexnet_keras.model import checked_config
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.layers import MeanSubtraction
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The files in the `.keras` archive of a narrow model."""
    from support.weight_files import narrow

    path = tmp_path_factory.mktemp("saved") / "model.keras"
    AlexNet(narrow(), classes=3, input_shape=(67, 67, 3), class_names=("a", "b", "c")).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def entry(network, name):
    return next(each for each in network["layers"] if each["name"] == name)


def replaced(name, **parts):
    """A change that gives parts of the entry of a layer other values."""
    return lambda network: entry(network, name).update(parts)


def configured(name, **options):
    """A change that gives options of a layer other values."""
    return lambda network: entry(network, name)["config"].update(options)


CODE = {"class_name": "function", "module": "os", "config": "system", "registered_name": None}
LAMBDA = {"class_name": "__lambda__", "module": "builtins", "config": {"value": "..."}, "registered_name": None}


def in_keras(kind, module="keras.layers", **config):
    return {"module": module, "class_name": kind, "registered_name": None, "config": config}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced("pool1a", **in_keras("Lambda", function=LAMBDA)), "has 'Lambda', which is no part of an AlexNet, so"),
        (replaced("pool1a", **in_keras("TFSMLayer", filepath="/tmp/x")), "has 'TFSMLayer', which is no part of"),
        (replaced("pool1a", **in_keras("TorchModuleWrapper")), "has 'TorchModuleWrapper', which is no part of"),
        (replaced("pool1a", **in_keras("StringLookup", vocabulary="/etc/passwd")), "has 'StringLookup', which is no"),
        (replaced("pool1a", **in_keras("get_file", "keras.utils", fname="x")), "has 'get_file', which is no part of"),
        (replaced("pool1a", **in_keras("Switch", "keras.src.ops.core")), "has 'Switch', which is no part of an"),
        (replaced("pool1a", module="os", class_name="MaxPooling2D"), "has 'MaxPooling2D', which is no part of an"),
        (
            replaced("pool1a", registered_name="keras.layers>MaxPooling2D", module="os"),
            "has 'MaxPooling2D', which is no",
        ),
        (replaced("pool1a", registered_name="other>Layer"), "has 'MaxPooling2D', which is no part of an AlexNet"),
        (
            replaced("pool1a", class_name="\x1b[2J" * 20),
            r"has '(\\x1b\[2J)+.* ... .*', which is no part",
        ),
        (configured("fc6a", activation=CODE), "has 'function', which is no part of an AlexNet"),
        (configured("fc6a", kernel_initializer=LAMBDA), "has '__lambda__', which is no part of an AlexNet"),
        (configured("fc6a", kernel_initializer=in_keras("Dense", units=3)), "has 'Dense', which is no part of an"),
        (configured("fc6a", bias_initializer=[LAMBDA]), "has a layer with the option 'bias_initializer', which no"),
        (configured("fc6a", lora_rank=10**9), "has a layer with the option 'lora_rank', which no AlexNet has"),
        (configured("fc6a", units=10**12), "has the layer 'fc6a', which is larger than its weights"),
        (configured("conv2a", kernel_size=[10**6, 10**6]), "has the layer 'conv2a', which is larger than its weights"),
        (
            configured("images", batch_shape=[None, 10**6, 67, 3]),
            r"takes images of shape \(None, 1000000, 67, 3\)",
        ),
        (configured("images", batch_shape=[5, 67, 67, 3]), r"takes images of shape \(5, 67, 67, 3\), but an AlexNet"),
        (configured("images", batch_shape=[None, 67, 67, 1]), r"takes images of shape \(None, 67, 67, 1\), but an Al"),
        (configured("pool1a", strides=[-1, -1]), "is damaged, or is not a Keras model"),
        (configured("predictions", class_names=["a", "b"]), "has 2 class names for 3 outputs; export it again"),
        (configured("predictions", class_names=["a", "b", 3]), "has 3 class names for 3 outputs; export it again"),
        (
            lambda network: entry(network, "pool1a")["inbound_nodes"][0]["kwargs"].update(training=LAMBDA),
            "calls 'pool1a' with options, which no AlexNet does; save the model again",
        ),
        (
            lambda network: network["layers"].extend(network["layers"] * 10),
            "has more than 200 layers, which no AlexNet has; check the file",
        ),
        (lambda network: network["layers"].reverse(), "is damaged, or is not a Keras model"),
        (
            lambda network: network.update(layers=[network["layers"][0]]),
            "holds the model 'alexnet_narrow', which is",
        ),
    ],
)
def test_what_no_alexnet_has_is_refused(change, message, saved, tmp_path):
    config = json.loads(saved["config.json"])
    change(config["config"])
    path = write(tmp_path / "a.keras", {**saved, "config.json": json.dumps(config)})
    with pytest.raises(InputError, match=f"a.keras {message}"):
        load_model(path)
    assert list(tmp_path.iterdir()) == [path]


def wide(channels):
    """A network with few weights, many channels and local response normalization."""
    from alexnet_keras.model.response_normalization import LocalResponseNormalization

    images = keras.Input((67, 67, 3))
    x = keras.layers.GlobalAveragePooling2D()(MeanSubtraction((0, 0, 0))(images))
    x = keras.layers.Concatenate()([x] * (channels // 3))
    return keras.Model(images, LocalResponseNormalization(name="norm")(x))


def test_an_option_of_a_later_keras_that_is_none_is_left_out(saved, tmp_path):
    config = json.loads(saved["config.json"])
    initializer = entry(config["config"], "conv1a")["config"]["kernel_initializer"]["config"]
    initializer.update(input_axes=None, option_of_tomorrow=None)
    model = load_model(write(tmp_path / "a.keras", {**saved, "config.json": json.dumps(config)}))
    assert model.get_layer("conv1a").kernel_initializer.get_config()["seed"] is None


def test_the_matrix_of_response_normalization_is_bounded(monkeypatch, tmp_path):
    wide(300).save(tmp_path / "a.keras")
    assert load_model(tmp_path / "a.keras").output_shape == (None, 300)
    monkeypatch.setattr(checked_config, "MOST_CHANNELS", 299)
    with pytest.raises(InputError, match="a.keras has the layer 'norm', which is larger than its weights; export it"):
        load_model(tmp_path / "a.keras")


def test_the_output_of_a_layer_is_bounded(saved, monkeypatch, tmp_path):
    monkeypatch.setattr(checked_config, "UNPACKED_BYTES", 4 * 67 * 67 * 3 - 1)
    with pytest.raises(
        InputError, match="a.keras has the layer 'mean', whose output is larger than any of Alex.*; pass"
    ):
        load_model(write(tmp_path / "a.keras", saved))


def test_other_members_and_deep_configurations_are_refused(saved, tmp_path):
    path = write(tmp_path / "a.keras", {**saved, "assets/vocabulary.txt": b""})
    with pytest.raises(InputError, match="a.keras does not hold exactly config.json, metadata.json, model.weights.h5"):
        load_model(path)
    write(path, {**saved, "config.json": b"[" * 200_000})
    with pytest.raises(InputError, match="a.keras/config.json is damaged: .*it is nested too deeply"):
        load_model(path)


def test_weights_outside_the_file_are_refused(saved, tmp_path):
    content = io.BytesIO(saved["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars"].create_dataset("0", (3, 4), "f4", external=[("/etc/passwd", 0, 48)])
    path = write(tmp_path / "a.keras", {**saved, "model.weights.h5": content.getvalue()})
    with pytest.raises(InputError, match="a.keras has 'layers/dense/vars/0', which is stored in another file"):
        load_model(path)


def test_the_network_is_the_one_that_keras_loads(saved, tmp_path):
    path = write(tmp_path / "a.keras", saved)
    one, other = load_model(path), keras.models.load_model(path)
    assert one.to_json() == other.to_json()
    for weight, expected in zip(one.weights, other.weights, strict=True):
        assert weight.path == expected.path
        np.testing.assert_array_equal(weight, expected)


def test_users_layers_around_the_network_are_loaded(saved, tmp_path):
    network = load_model(write(tmp_path / "a.keras", saved))
    features = network.get_layer("fc7b").output
    scores = keras.layers.Softmax()(keras.layers.Dense(5)(features))
    keras.Model(network.input, scores).save(tmp_path / "b.keras")
    assert load_model(tmp_path / "b.keras").output_shape == (None, 5)
