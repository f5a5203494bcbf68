"""ONNX files have the layers of their model and the right metadata."""

import importlib.util
import json
import re
import sys

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from alexnet_keras.export import onnx as exports
from alexnet_keras.export.export import FORMATS, Target
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.layers import Predictions
from alexnet_keras.model.loading import load_model
from alexnet_keras.model.response_normalization import LocalResponseNormalization
from alexnet_keras.system.errors import InputError, OptionError


@pytest.fixture(scope="module")
def files(trained, dataset, tmp_path_factory):
    folder, network = tmp_path_factory.mktemp("onnx"), load_model(trained)
    paths = {quantize: folder / f"{quantize}.onnx" for quantize in FORMATS["onnx"].quantizations}
    for quantize, path in paths.items():
        exports.write(network, path, quantize, dataset.train)
    return paths


@pytest.mark.parametrize(("quantize", "tolerance"), [("none", 1e-6), ("int8", 0.1)])
def test_a_file_is_near_its_model_in_batches_of_any_size(quantize, tolerance, files, trained):
    predictor, original = load_predictor(files[quantize]), load_predictor(trained)
    assert predictor.class_names == original.class_names
    assert predictor.input_size == 67
    for count in (1, 5):
        images = np.stack(random_images(count))
        expected = original.predict(images)
        np.testing.assert_allclose(predictor.predict(images), expected, atol=tolerance)


@pytest.mark.parametrize(("quantize", "entries"), [("none", {"session.disable_prepacking": "1"}), ("int8", {})])
def test_only_int8_weights_are_packed_at_the_start(quantize, entries, files, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        onnxruntime.SessionOptions, "add_session_config_entry", lambda self, name, value: seen.update({name: value})
    )
    load_predictor(files[quantize])
    assert seen == entries


def random_images(count):
    return list(np.random.RandomState(count).randint(0, 256, (count, 67, 67, 3), dtype=np.uint8))


def test_a_file_says_its_opset_and_what_it_takes(files):
    for quantize, path in files.items():
        model = onnx.load(str(path))
        onnx.checker.check_model(model, full_check=True)
        assert {entry.domain: entry.version for entry in model.opset_import}[""] == exports.OPSET == 17
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (source,), (target,) = session.get_inputs(), session.get_outputs()
        assert (source.name, source.type, source.shape) == ("images", "tensor(float)", ["batch", 67, 67, 3])
        assert (target.name, target.shape) == ("probabilities", ["batch", 3])
        properties = session.get_modelmeta().custom_metadata_map
        assert json.loads(properties["class_names"]) == ["blue", "green", "red"]
        assert json.loads(properties["input_range"]) == [0, 255]
        assert properties["quantize"] == quantize


def test_int8_stores_weights_in_8_bits(files):
    model = onnx.load(str(files["int8"]))
    kernels = [weight for weight in model.graph.initializer if re.fullmatch(r"(conv|fc)..?/1_quantized", weight.name)]
    assert len(kernels) == 15  # five convolutions and two layers of two towers, and the classifier
    assert {weight.data_type for weight in kernels} == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("options", [{}, {"beta": 0.6, "k": 1.0, "divide_alpha_by_size": True}, {"size": 3}])
def test_normalization_written_out_is_the_same_function(options, tmp_path):
    inputs = keras.Input((6, 6, 12))
    x = LocalResponseNormalization(alpha=0.01, name="norm", **options)(inputs)
    outputs = Predictions(name="predictions")(keras.layers.Dense(4, name="fc")(keras.layers.Flatten(name="flat")(x)))
    model = keras.Model(inputs, outputs)
    exports.write(model, tmp_path / "m.onnx")
    images = np.random.RandomState(0).normal(0, 5, (3, 6, 6, 12)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"images": images})[0], model(images), atol=1e-5)


def test_a_layer_without_a_form_is_named(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.UpSampling2D(name="up")(inputs)
    model = keras.Model(inputs, Predictions(name="predictions")(keras.layers.Flatten()(x)))
    with pytest.raises(InputError, match="The layer 'up', a UpSampling2D, has no ONNX form; export to tflite instead"):
        exports.write(model, tmp_path / "m.onnx")


def test_logits_become_probabilities(tiny, tmp_path):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), classifier_activation=None)
    exports.write(model, tmp_path / "m.onnx")
    probabilities = load_predictor(tmp_path / "m.onnx").predict(np.stack(random_images(2)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        OptionError,
        match=r"The format onnx needs the package 'onnx'; install it with .pip install 'alexnet-keras\[onnx\]'",
    ):
        Target(format="onnx")


def test_a_missing_runtime_is_one_line(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        OptionError, match=r"needs the package onnxruntime; install it with .pip install 'alexnet-keras\[onnx\]'"
    ):
        load_predictor(files["none"])


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"m.onnx is not an ONNX file that .* wrote, or it is damaged"):
        load_predictor(tmp_path / "m.onnx")
