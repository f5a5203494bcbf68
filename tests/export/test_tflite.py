"""TFLite files have the right operators, metadata and probabilities in every quantization."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema

from alexnet_keras.config.formats import QUANTIZATIONS
from alexnet_keras.data import pipeline
from alexnet_keras.export import onnx, saved_model, tflite
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model


@pytest.fixture(scope="module")
def files(trained, dataset, tmp_path_factory):
    """A file of every quantization, by its name."""
    folder, network = tmp_path_factory.mktemp("tflite"), load_model(trained)
    paths = {quantize: folder / f"{quantize}.tflite" for quantize in QUANTIZATIONS["tflite"]}
    for quantize, path in paths.items():
        tflite.write(network, path, quantize, images=dataset.train)
    return paths


def tensors(path):
    """Names of the operators, and of the types of all tensors that they read or write."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    operators = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    types = {code: name for name, code in vars(schema.TensorType).items() if name[0] != "_"}
    (graph,) = model.subgraphs
    codes = [model.operatorCodes[operator.opcodeIndex] for operator in graph.operators]
    used = {index for operator in graph.operators for index in (*operator.inputs, *operator.outputs) if index >= 0}
    return [operators[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes], {
        types[graph.tensors[index].type] for index in used
    }


def test_int8_only_has_no_float_and_no_flex(files):
    operators, types = tensors(files["int8-only"])
    assert types == {"UINT8", "INT8", "INT32"}
    assert not {"CUSTOM", "DEQUANTIZE"} & set(operators)
    assert operators.count("QUANTIZE") == 2  # from uint8 and to it
    assert operators.count("LOG") == operators.count("EXP") == 4  # two normalizations a tower


def test_int8_has_floats_only_at_its_ends(files):
    operators, types = tensors(files["int8"])
    assert types == {"FLOAT32", "INT8", "INT32"}
    assert (operators[0], operators[-1]) == ("QUANTIZE", "DEQUANTIZE")
    assert operators.count("QUANTIZE") == operators.count("DEQUANTIZE") == 1


def test_no_file_needs_flex(files):
    for path in files.values():
        assert "CUSTOM" not in tensors(path)[0]


def validation_images(dataset):
    batches = pipeline.eval_dataset(dataset.validation, input_size=67, batch_size=9)
    return next(batches.as_numpy_iterator())[0]


def test_each_quantization_is_smaller_and_close(files, trained, dataset):
    sizes = {quantize: path.stat().st_size for quantize, path in files.items()}
    assert sizes["none"] > sizes["float16"] > sizes["int8"]
    images = validation_images(dataset)
    expected = load_predictor(trained).predict(images)
    tolerances = {"none": 1e-6, "float16": 1e-2, "dynamic": 0.05, "int8": 0.1, "int8-only": 0.1}
    for quantize, tolerance in tolerances.items():
        result = load_predictor(files[quantize]).predict(images)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, atol=tolerance, err_msg=quantize)
        np.testing.assert_array_equal(result.argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize("quantize", ["int8", "int8-only"])
def test_8_bit_probabilities_are_not_a_step_too_high(quantize, files, trained, dataset):
    """Errors of the network cancel in the mean over all classes, since probabilities sum to 1; a shift stays."""
    images = np.concatenate([validation_images(dataset), np.random.RandomState(0).randint(0, 256, (9, 67, 67, 3))])
    images = images.astype(np.uint8)
    difference = load_predictor(files[quantize]).predict(images) - load_predictor(trained).predict(images)
    assert abs(difference.mean()) < 0.5 / 256


def test_a_uint8_input_takes_the_pixels_of_an_image(files):
    interpreter = Interpreter(model_path=str(files["int8-only"]))
    (source,) = interpreter.get_input_details()
    assert source["dtype"] == np.uint8
    assert source["quantization"] == (1.0, 0)
    assert interpreter.get_output_details()[0]["dtype"] == np.uint8
    (source,) = Interpreter(model_path=str(files["int8"])).get_input_details()
    assert source["dtype"] == np.float32


def test_the_batch_size_is_fixed_and_the_last_batch_filled(trained, dataset, tmp_path):
    path = tmp_path / "model.tflite"
    tflite.write(load_model(trained), path, "int8", batch_size=4, images=dataset.train)
    assert tuple(Interpreter(model_path=str(path)).get_input_details()[0]["shape"]) == (4, 67, 67, 3)
    images = validation_images(dataset)
    predictor = load_predictor(path)
    whole = predictor.predict(images)
    assert whole.shape == (9, 3)
    np.testing.assert_array_equal(whole[:3], predictor.predict(images[:3]))


def test_a_file_describes_its_input_and_runs_without_tensorflow(files, tmp_path):
    with zipfile.ZipFile(files["int8-only"]) as archive:
        assert archive.read("labels.txt") == b"blue\ngreen\nred\n"
        assert json.loads(archive.read("class_names.json")) == ["blue", "green", "red"]
        assert json.loads(archive.read("metadata.json")) == {
            "quantize": "int8-only",
            "input_shape": [1, 67, 67, 3],
            "input_range": [0, 255],
            "channels": "RGB",
            "upright": True,
            "stored_size": 256,
        }
    code = (
        "import sys, numpy as np\n"
        "from ai_edge_litert.interpreter import Interpreter\n"
        "for path in sys.argv[1:]:\n"
        "    interpreter = Interpreter(model_path=path)\n"
        "    interpreter.allocate_tensors()\n"
        "    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]\n"
        "    interpreter.set_tensor(source['index'], np.zeros((1, 67, 67, 3), source['dtype']))\n"
        "    interpreter.invoke()\n"
        "    print(interpreter.get_tensor(target['index']).shape)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code, *files.values()]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.stdout == "(1, 3)\n" * len(files), result.stderr


@pytest.mark.parametrize("variant", ["original", "caffe", "owt", "batchnorm"])  # all kinds of layers
def test_variants_in_floats_and_in_integers(variant, dataset, tmp_path):
    narrow = {"filters": (8, 8, 8, 8, 8), "hidden_units": (16, 16), "initializer": "he_normal"}
    towers = 2 if variant in ("original", "caffe") else 1  # each converts in half the time
    model = AlexNet(variant, classes=3, input_shape=(67, 67, 3), towers=towers, **narrow)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(np.linspace(0.5, 2, layer.moving_variance.shape[0]))
            layer.moving_mean.assign(np.linspace(-0.2, 0.2, layer.moving_mean.shape[0]))
    images = validation_images(dataset)
    classifier = model.get_layer("fc8")  # tells the images apart, so that a difference shows
    features = keras.Model(model.inputs[0], classifier.input)(images.astype(np.float32)).numpy()
    kernel = np.random.RandomState(0).normal(0, 1, (16, 3)) / features.std(axis=0).max()
    classifier.set_weights([kernel, -features.mean(axis=0) @ kernel])
    expected = from_keras(model).predict(images)
    assert np.ptp(expected, axis=0).max() > 0.3
    tflite.write(model, tmp_path / "model.tflite")
    onnx.write(model, tmp_path / "model.onnx")
    saved_model.write(model, tmp_path / "saved_model")
    for name in ("model.tflite", "model.onnx", "saved_model"):
        np.testing.assert_allclose(load_predictor(tmp_path / name).predict(images), expected, atol=1e-5)
    path = tmp_path / "integers.tflite"
    tflite.write(model, path, "int8-only", images=dataset.train)
    assert tensors(path)[1] == {"UINT8", "INT8", "INT32"}
    assert np.abs(load_predictor(path).predict(images) - expected).mean() < 0.05
