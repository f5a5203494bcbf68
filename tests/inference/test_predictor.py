"""Predictions are probabilities, and files that hold no model are named."""

import os

import keras
import numpy as np
import pytest
from support import cli, only_error

from alexnet_keras.inference import numpy_network
from alexnet_keras.inference.predictor import KERAS_SUFFIXES, Predictor, load_predictor
from alexnet_keras.model.loading import MODEL_READERS
from alexnet_keras.system.errors import InputError, OptionError, RunError


def test_models_of_keras_have_the_same_suffixes_everywhere():
    assert KERAS_SUFFIXES == tuple(numpy_network.READERS) == tuple(MODEL_READERS)


def test_files_that_are_no_model_are_named(tmp_path):
    with pytest.raises(OptionError, match="There is no model .*absent"):
        load_predictor(tmp_path / "absent")
    (tmp_path / "text.txt").write_text("x")
    with pytest.raises(InputError, match=r"text.txt is no model; use a run, the folder of a SavedModel, or .keras"):
        load_predictor(tmp_path / "text.txt")
    (tmp_path / "text.tflite").write_text("x")
    with pytest.raises(
        InputError, match=r"text.tflite is not a TFLite file that .* wrote, or it is damaged; export it"
    ):
        load_predictor(tmp_path / "text.tflite")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(InputError, match="folder is not a SavedModel that .* wrote, or it is damaged"):
        load_predictor(tmp_path / "folder")


@pytest.mark.parametrize(
    ("probabilities", "rounded", "message"),
    [
        ([0.5, float("nan"), 0.5], False, "not finite"),
        ([float("inf"), 0, 0], False, "not finite"),
        ([1.5, -0.5, 0], False, "outside 0..1, or do not sum to 1"),
        ([0.5, 0.3, 0.1], False, "outside 0..1, or do not sum to 1"),
        ([0.5, 0.3, 0.1], True, "outside 0..1, or do not sum to 1"),
        ([0.5, 0.3, 0.205], False, None),
        ([0.5, 0.3, 0.187], True, None),  # three times half a step of 1/256 is missing
    ],
)
def test_a_prediction_that_is_no_probability_is_an_error(probabilities, rounded, message):
    row = np.array([[0.2, 0.3, 0.5], probabilities], np.float32)
    predictor = Predictor(lambda images: row, 67, ("a", "b", "c"), "m.onnx", rounded)
    if message is None:
        np.testing.assert_array_equal(predictor.predict(None), row)
    else:
        with pytest.raises(RunError, match=f"The model m.onnx is damaged: its probabilities are {message}; train, exp"):
            predictor.predict(None)


def test_every_command_refuses_a_model_that_predicts_nan(trained, folder, tmp_path):
    model = keras.models.load_model(trained)
    kernel, bias = model.get_layer("fc8").get_weights()
    model.get_layer("fc8").set_weights([kernel * np.nan, bias])
    path = tmp_path / "model.keras"
    model.save(path)
    photo = folder / "val" / "red" / "1.png"
    export = ("export", path, "--data", folder, "--format", "keras", "--output", tmp_path / "new.keras")
    for command in (("predict", path, photo, photo), ("evaluate", path, "--data", folder), export):
        result = cli(*command)
        assert f"The model {path} is damaged: its probabilities are not finite; train, export" in only_error(result)
        assert result.code == 1
    result = cli("features", path, "--data", folder, "--layer", "fc8", "--output", tmp_path / "f.npz")
    assert result.code == 1
    plan, error = result.err.splitlines()
    assert f"{tmp_path / 'f.npz'}, fc8 of" in plan
    assert error.startswith(
        "Error: The model 'alexnet_tiny' is damaged: the output of fc8 is not finite; train or copy"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    "name", ["m.keras", "m.tflite", "m.onnx", "m.alexnet", "m/saved_model.pb", "m/assets/labels.txt"]
)
def test_only_regular_files_are_opened(name, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "labels.txt":
        (tmp_path / "m" / "saved_model.pb").touch()
    os.mkfifo(path)
    model = path if path.parent == tmp_path else tmp_path / "m"
    photo = tmp_path / "photo.png"
    photo.touch()
    error = only_error(cli("predict", model, photo))
    assert f"{path} is a named pipe, not a regular file" in error
