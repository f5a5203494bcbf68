"""Predictors of every format, and what they say to files that are none."""

import numpy as np
import pytest
from PIL import Image

from alexnet_keras.inference.classify import classify, read_image
from alexnet_keras.inference.predictor import Predictor, from_keras, load_predictor
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


def test_a_model_without_names_gives_numbers(tiny):
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
            "The model 'alexnet_tiny' ends in 'join5' and not in a classifier; give one with its top",
        ),
        ({"input_shape": (300, 300, 3)}, "takes images of 300 x 300; pictures are cropped to squares of at most 256"),
        ({"input_shape": (100, 67, 3)}, "takes images of 100 x 67; pictures are cropped to squares"),
        ({"classifier_activation": "sigmoid"}, "ends in neither softmax nor logits, so it gives no probabilities"),
    ],
)
def test_a_model_that_gives_no_probabilities_of_images_is_refused(arguments, message, tiny):
    with pytest.raises(InputError, match=message):
        from_keras(AlexNet(tiny, **{"classes": 2, **arguments}))


def test_predictions_are_in_order_and_readable(tmp_path):
    Image.new("RGB", (300, 200), (10, 20, 30)).save(tmp_path / "p.png")
    probabilities = np.array([[0.1, 0.3, 0.3, 0.3]])
    predictor = Predictor(lambda images: probabilities, 227, ("a", "n01440764", "c", "d"))
    result = classify(predictor, tmp_path / "p.png", top=3)
    assert result["file"] == str(tmp_path / "p.png")
    assert [item["class"] for item in result["predictions"]] == ["n01440764", "c", "d"]
    assert result["predictions"][0] == {"class": "n01440764", "label": "tench", "probability": 0.3}


def test_a_image_is_the_central_crop(tmp_path):
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[14:241, 14:241] = 200
    Image.fromarray(pixels).save(tmp_path / "p.png")
    image = read_image(tmp_path / "p.png", 227)
    assert image.shape == (227, 227, 3)
    assert np.all(image == 200)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"plain text", "is not a complete JPEG, PNG, GIF or BMP picture")]
)
def test_a_file_that_is_no_image_is_named(content, message, tmp_path):
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"p.jpg {message}\.$"):
        read_image(tmp_path / "p.jpg", 227)


def test_files_that_are_no_model_are_named(tmp_path):
    with pytest.raises(OptionError, match="There is no model .*absent"):
        load_predictor(tmp_path / "absent")
    (tmp_path / "text.txt").write_text("x")
    with pytest.raises(InputError, match=r"text.txt is no model; give a run, a .keras, a SavedModel"):
        load_predictor(tmp_path / "text.txt")
    (tmp_path / "text.tflite").write_text("x")
    with pytest.raises(InputError, match=r"text.tflite is not a TFLite file of this package, or a damaged one"):
        load_predictor(tmp_path / "text.tflite")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(InputError, match="folder is not a SavedModel of this package, or a damaged one"):
        load_predictor(tmp_path / "folder")
