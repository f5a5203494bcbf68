"""Classification of image files."""

import os

import numpy as np
import pytest
from PIL import Image

from alexnet_keras.inference.classify import FILE_BYTES, classify, read_image
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError


def test_predictions_are_in_order_and_readable(tmp_path):
    Image.new("RGB", (300, 200), (10, 20, 30)).save(tmp_path / "p.png")
    probabilities = np.array([[0.1, 0.3, 0.3, 0.3]])
    predictor = Predictor(lambda images: probabilities, 227, ("a", "n01440764", "c", "d"))
    result = classify(predictor, tmp_path / "p.png", top=3)
    assert result["file"] == str(tmp_path / "p.png")
    assert [item["class"] for item in result["predictions"]] == ["n01440764", "c", "d"]
    assert result["predictions"][0] == {"class": "n01440764", "label": "tench", "probability": 0.3}


def test_an_image_is_the_centre_crop(tmp_path):
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[14:241, 14:241] = 200
    Image.fromarray(pixels).save(tmp_path / "p.png")
    image = read_image(tmp_path / "p.png", 227)
    assert image.shape == (227, 227, 3)
    assert np.all(image == 200)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"plain text", "is not a complete JPEG, PNG, GIF, BMP or WebP (picture|image)")],
)
def test_a_file_that_is_no_image_is_named(content, message, tmp_path):
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"p.jpg {message}; replace it"):
        read_image(tmp_path / "p.jpg", 227)


def test_the_jpeg_library_prints_nothing(tmp_path, capfd):
    path = tmp_path / "damaged.jpg"
    Image.effect_noise((90, 80), 50).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:900] + b"\xff\x45" + content[900:])  # a marker where none may be
    with pytest.raises(InputError, match=r"damaged.jpg is not a complete JPEG"):
        read_image(path, 227)
    assert capfd.readouterr().err == ""


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match="absent.jpg cannot be read .No such file or directory.; check the path"):
        read_image(tmp_path / "absent.jpg", 227)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="pipe.jpg is a named pipe, not a regular file; copy its content into a file"):
        read_image(tmp_path / "pipe.jpg", 227)
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="zero.jpg is a device, not a regular file"):
        read_image(tmp_path / "zero.jpg", 227)
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    with pytest.raises(InputError, match="large.jpg has 268,435,457 bytes, but at most 268,435,456 are expected"):
        read_image(tmp_path / "large.jpg", 227)
