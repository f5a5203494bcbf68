"""Predictors of Keras models, and the errors of files that hold no model."""

import os

import keras
import numpy as np
import pytest
from support import cli, only_error

from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.inference.predictor import Predictor, load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError, RunError


def test_a_model_without_class_names_has_indices(tiny):
    predictor = from_keras(AlexNet(tiny, classes=4, input_shape=(67, 67, 3)))
    assert predictor.class_names == ("0", "1", "2", "3")
    assert predictor.input_size == 67
    assert predictor.predict(np.zeros((3, 67, 67, 3), np.uint8)).shape == (3, 4)


def test_logits_become_probabilities(tiny, tmp_path):
    arguments = {"classes": 4, "input_shape": (67, 67, 3)}
    model = AlexNet(tiny, **arguments)
    model.save(tmp_path / "softmax.keras")
    logits = AlexNet(tiny, classifier_activation=None, weights=tmp_path / "softmax.keras", **arguments)
    images = np.random.RandomState(0).randint(0, 256, (3, 67, 67, 3), dtype=np.uint8)
    np.testing.assert_allclose(from_keras(logits).predict(images), model(images), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"include_top": False},
            "The model 'alexnet_tiny' ends in the layer 'join5', which is no classifier",
        ),
        (
            {"input_shape": (300, 300, 3)},
            "takes images of 300 x 300 pixels, but images are cropped to squares of at most 256",
        ),
        ({"input_shape": (100, 67, 3)}, "takes images of 100 x 67 pixels, but images are cropped to squares"),
        ({"classifier_activation": "sigmoid"}, "ends in neither softmax nor logits, so it gives no probabilities"),
    ],
)
def test_a_model_that_gives_no_probabilities_of_images_is_refused(arguments, message, tiny):
    with pytest.raises(InputError, match=message):
        from_keras(AlexNet(tiny, **{"classes": 2, **arguments}))


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


def test_a_keras_model_of_another_form_is_refused(tiny):
    model = AlexNet(tiny, classes=2, input_shape=(67, 67, 3))
    two = keras.Input((67, 67, 3))
    both = keras.layers.Concatenate()([model.outputs[0], keras.layers.GlobalAveragePooling2D()(two)])
    joined = keras.Model([model.inputs[0], two], keras.layers.Dense(2, activation="softmax")(both))
    with pytest.raises(InputError, match=r"takes float32 \(any, 67, 67, 3\) and float32 \(any, 67, 67, 3\), but a"):
        from_keras(joined)
    model.layers[-1].class_names = ("a", "b", "c")
    with pytest.raises(InputError, match=r"The model 'alexnet_tiny' has 3 class names, but returns float32 \(any, 2\)"):
        from_keras(model)


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
