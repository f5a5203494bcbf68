"""An archive returns the bits that were written, or an error that says why not."""

import hashlib
import json

import keras
import numpy as np
import pytest
from support import cli, only_error
from support.train_tiny import NETWORK

from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, RunError
from alexnet_keras.weights import coded_arrays


@pytest.fixture(scope="module")
def network():
    names = ("blue", "green", "red")
    return AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3), class_names=names, mean=[1, 2, 3])


@pytest.fixture
def model(network):
    """A network whose weights a test may change."""
    before = network.get_weights()
    yield network
    network.set_weights(before)


def compressed(weights, kept=0.1, values=20):
    random = np.random.RandomState(0)
    chosen = random.choice(random.normal(size=values).astype(np.float32), weights.shape)
    return np.where(random.uniform(size=weights.shape) < kept, chosen, np.float32(0))


def same_bits(one, other):
    for first, second in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(first.numpy().view(np.uint32), second.numpy().view(np.uint32))


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 1.0])
def test_weights_come_back_bit_by_bit(kept, model, tmp_path):
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([compressed(kernel, kept), bias])
    sizes = archive.write(model, tmp_path / "model.alexnet")
    again = archive.read(tmp_path / "model.alexnet")
    same_bits(model, again)
    archive.write(again, tmp_path / "again.alexnet")
    assert (tmp_path / "again.alexnet").read_bytes() == (tmp_path / "model.alexnet").read_bytes()
    assert sizes.dense == 4 * model.count_params()
    assert sizes.coded == (tmp_path / "model.alexnet").stat().st_size


def test_any_weights_are_stored_exactly(model, tmp_path):
    """Weights that are not compressible are stored exactly, and so are -0.0, infinity and subnormal numbers."""
    kernel, bias = model.get_layer("fc8").get_weights()
    kernel[0], kernel[1], kernel[2] = -0.0, np.inf, 1e-42
    model.get_layer("fc8").set_weights([kernel, bias])
    archive.write(model, tmp_path / "model.alexnet")
    same_bits(model, archive.read(tmp_path / "model.alexnet"))


@pytest.mark.parametrize("index", [0, 8, 20, 41, 45, 200, -1])
def test_one_wrong_byte_is_refused(index, model, tmp_path):
    path = tmp_path / "model.alexnet"
    archive.write(model, path)
    content = bytearray(path.read_bytes())
    content[index] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model.alexnet is (damaged: its checksum|not an .alexnet archive)"):
        archive.read(path)


@pytest.mark.parametrize("length", [0, 5, 30, 42, 1000])
def test_a_truncated_archive_is_refused(length, model, tmp_path):
    path = tmp_path / "model.alexnet"
    archive.write(model, path)
    path.write_bytes(path.read_bytes()[:length])
    assert "model.alexnet is" in only_error(cli("evaluate", path, "--data", "shapes"))


def test_an_archive_of_another_version_is_refused(tmp_path):
    path, header = tmp_path / "model.alexnet", b'{"layers": []}'
    content = coded_arrays.LENGTH.pack(len(header)) + header
    path.write_bytes(coded_arrays.MAGIC + hashlib.sha256(content).digest() + content)
    with pytest.raises(
        InputError, match="model.alexnet was written by another version of this package; write it again"
    ):
        archive.read(path)


def rewritten(path, change):
    """Change the header of an archive, whose checksum then fits again."""
    content = path.read_bytes()[len(coded_arrays.MAGIC) + 32 :]
    (length,) = coded_arrays.LENGTH.unpack_from(content)
    streams = content[4 + length :]
    header = json.loads(content[4 : 4 + length])
    streams = change(header, streams) or streams
    text = json.dumps(header).encode()
    content = coded_arrays.LENGTH.pack(len(text)) + text + streams
    path.write_bytes(coded_arrays.MAGIC + hashlib.sha256(content).digest() + content)


def test_an_archive_that_would_fill_the_memory_is_refused(model, tmp_path):
    path = tmp_path / "model.alexnet"

    def widen(header, streams):
        layers = header["config"]["config"]["layers"]
        next(layer for layer in layers if layer["name"] == "fc6a")["config"]["units"] = 10**12

    def lengthen(header, streams):
        bomb = coded_arrays.huffman(bytes(50_000_000))
        header["weights"][0]["bytes"][0] = len(bomb)
        return bomb + streams

    archive.write(model, path)
    rewritten(path, widen)
    with pytest.raises(InputError, match="model.alexnet has the layer 'fc6a', which is larger than its weights"):
        archive.read(path)
    archive.write(model, path)
    rewritten(path, lengthen)
    with pytest.raises(InputError, match="model.alexnet was written by another version") as raised:
        archive.read(path)
    assert "a stream is too long" in str(raised.value.__cause__)
    with path.open("r+b") as file:
        file.truncate(601 * 10**6)
    with pytest.raises(InputError, match="model.alexnet has 601,000,000 bytes, but at most 600,000,000 are expected"):
        archive.read(path)


def test_an_archive_of_another_network_is_refused(tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="other")
    with pytest.raises(InputError, match="holds the model 'other', which is not an AlexNet"):
        archive.write(other, tmp_path / "model.alexnet")


def test_an_archive_that_cannot_be_read_back_is_not_written(model, tmp_path, monkeypatch):
    monkeypatch.setattr(coded_arrays, "decode", lambda parts, shape: np.zeros(shape, np.float32))
    with pytest.raises(RunError, match="conv1a/kernel has other bits when it is read back. Check the disk"):
        archive.write(model, tmp_path / "model.alexnet")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_could_not_be_read_back_is_refused_at_once(model, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "UNPACKED_BYTES", 4 * model.count_params() - 4)
    with pytest.raises(
        InputError, match="model.alexnet cannot hold the [0-9,]+ weights of 'alexnet_tiny', but at most"
    ):
        archive.write(model, tmp_path / "model.alexnet")
    assert list(tmp_path.iterdir()) == []


def test_predict_takes_an_archive(model, tmp_path):
    archive.write(model, tmp_path / "model.alexnet")
    images = np.random.RandomState(0).randint(0, 256, (2, 67, 67, 3), np.uint8)
    predictor = load_predictor(tmp_path / "model.alexnet")
    assert predictor.class_names == ("blue", "green", "red")
    np.testing.assert_array_equal(predictor.predict(images), from_keras(model).predict(images))
