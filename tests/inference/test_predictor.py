"""Predictors of Keras models, and the errors of files that hold no model."""

import numpy as np
import pytest

from alexnet_keras.inference.predictor import from_keras, load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


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
