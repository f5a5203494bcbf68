"""Exports equal their Keras model, or leave nothing."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from conftest import draw_folder

from alexnet_keras import datasets, export, predict
from alexnet_keras.errors import InputError
from alexnet_keras.model import AlexNet

NAMES = ("blue", "green", "red")


@pytest.fixture
def model(tiny, tmp_path):
    path = tmp_path / "model.keras"
    AlexNet(tiny, classes=3, input_shape=(67, 67, 3), class_names=NAMES).save(path)
    return path


@pytest.fixture
def split(folder):
    return datasets.load(str(folder)).validation


@pytest.mark.parametrize("kind", ["saved_model", "tflite"])
def test_an_export_equals_the_model(kind, model, split):
    output = export.default_path(model, kind)
    result = export.export(model, kind, output, split)
    assert result.path == str(output)
    assert result.max_abs_difference < 1e-5
    assert result.top1_agreement == 1
    assert result.num_images == 9
    assert result.bytes > 10_000
    predictor, original = predict.load(output), predict.load(model)
    assert predictor.class_names == NAMES
    assert predictor.input_size == 67
    images = np.random.RandomState(0).randint(0, 256, (5, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_allclose(predictor.predict(images), original.predict(images), atol=1e-5)
    with pytest.raises(InputError, match="exists; choose another --output, or remove it"):
        export.export(model, kind, output, split)


def test_a_bad_picture_is_named(model, tmp_path):
    root = draw_folder(tmp_path / "colours")
    (root / "val" / "red" / "0.jpg").write_text("no picture")
    with pytest.raises(InputError, match="val/red/0.jpg is not a complete"):
        export.export(model, "tflite", tmp_path / "out.tflite", datasets.load(str(root)).validation)
    assert not (tmp_path / "out.tflite").exists()


def test_compare_sees_a_difference(split):
    def constant(*probabilities):
        row = np.array([probabilities], np.float32)
        return predict.Predictor(lambda images: np.repeat(row, len(images), axis=0), 227, NAMES)

    assert export.compare(constant(0.5, 0.3, 0.2), constant(0.3, 0.5, 0.2), split) == (pytest.approx(0.2), 0.0, 9)


def test_saved_model_serves_without_this_package(model, split, tmp_path):
    export.export(model, "saved_model", tmp_path / "served", split)
    code = (
        "import sys, tensorflow as tf\n"
        "signature = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "print(signature(images=tf.zeros((3, 67, 67, 3)))['probabilities'].shape)\n"
        "assert 'alexnet_keras' not in sys.modules"
    )
    command = [sys.executable, "-c", code, tmp_path / "served"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "(3, 3)" in result.stdout, result.stderr


def test_tflite_carries_its_labels_and_runs_without_tensorflow(model, split, tmp_path):
    path = tmp_path / "model.tflite"
    export.export(model, "tflite", path, split)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt") == b"blue\ngreen\nred\n"
    code = (
        "import sys, numpy as np\n"
        "from ai_edge_litert.interpreter import Interpreter\n"
        "interpreter = Interpreter(model_path=sys.argv[1])\n"
        "interpreter.allocate_tensors()\n"
        "interpreter.set_tensor(interpreter.get_input_details()[0]['index'], np.zeros((1, 67, 67, 3), 'float32'))\n"
        "interpreter.invoke()\n"
        "print(interpreter.get_tensor(interpreter.get_output_details()[0]['index']).shape)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "(1, 3)" in result.stdout, result.stderr


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("tflite", "model.lite", "A TFLite path must end in '.tflite', got 'model.lite'; try 'model.tflite'"),
        ("saved_model", "file/inside", "cannot be written"),
    ],
)
def test_an_output_that_cannot_be_is_refused(kind, name, message, model, split, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        export.export(model, kind, tmp_path / name, split)


def test_a_full_disk_is_one_line(model, split, tmp_path, monkeypatch):
    for error in (
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left"),
    ):

        def write(model, path, error=error):
            raise error

        monkeypatch.setitem(export.WRITERS, "saved_model", write)
        with pytest.raises(InputError, match="The output .*out cannot be written .*No space left.*; choose another"):
            export.export(model, "saved_model", tmp_path / "out", split)


def test_exports_start_from_a_keras_model(split, tmp_path):
    with pytest.raises(InputError, match=r"model.tflite is no Keras model; exports start from a run or a .keras file"):
        export.export(tmp_path / "model.tflite", "saved_model", tmp_path / "out", split)


def test_a_failed_export_leaves_nothing(model, split, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "compare", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.export(model, "tflite", tmp_path / "sub" / "model.tflite", split)
    assert list((tmp_path / "sub").iterdir()) == []
