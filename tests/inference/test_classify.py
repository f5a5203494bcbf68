"""Classification of image files."""

import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_keras.data import image_ops
from alexnet_keras.data.sources.file_split import split_of
from alexnet_keras.data.sources.files import Files
from alexnet_keras.inference import classify as module
from alexnet_keras.inference.classify import classify, read_image
from alexnet_keras.inference.predictor import DEFAULT_PREPARATION, Predictor
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import IMAGE_BYTES


def draw(path, color):
    Image.new("RGB", (72, 64), (color, 0, 0)).save(path)
    return path


def predictor(calls=None):
    """A model whose second class is as probable as the image is red."""

    def predict(images):
        if calls is not None:
            calls.append(len(images))
        red = images[..., 0].mean(axis=(1, 2)) / 255
        return np.stack([1 - red, red], axis=1)

    return Predictor(predict, 67, ("n01440764", "red"), "model.keras")


def test_a_result_names_image_model_and_classes(tmp_path):
    path = draw(tmp_path / "p.png", 51)
    (row,) = classify(predictor(), [path], top=5)
    assert (row["file"], row["model"]) == (str(path), "model.keras")
    assert [each["class"] for each in row["predictions"]] == ["n01440764", "red"]
    assert row["predictions"][0] == {"class": "n01440764", "label": "tench", "probability": pytest.approx(0.8)}
    assert len(next(classify(predictor(), [path], top=1))["predictions"]) == 1


@pytest.mark.parametrize("compiled", [99, 1])
def test_batches_keep_the_order_and_one_bad_image_costs_no_other(compiled, tmp_path, monkeypatch):
    """Every fifth image is damaged, one is bytes, and one is an array."""
    monkeypatch.setattr(module, "COMPILED", compiled)
    monkeypatch.setattr(module, "BATCH_SIZE", 4)
    images = [draw(tmp_path / f"{index:02}.png", 10 * index) for index in range(14)]
    for path in images[::5]:
        path.write_bytes(path.read_bytes()[:60])
    images[3] = images[3].read_bytes()
    images[4] = np.full((80, 70, 3), 40, np.uint8)
    calls = []
    rows = list(classify(predictor(calls), images, top=2))
    assert calls == [3, 3, 3, 2]
    assert [row["file"] for row in rows[2:6]] == [str(images[2]), "-", None, str(images[5])]
    for index, row in enumerate(rows):
        if index % 5 == 0:
            assert row["predictions"] == []
            assert row["error"] == f"{images[index]} is not a complete JPEG, PNG, GIF, BMP or WebP image; replace it."
        else:
            red = {each["class"]: each["probability"] for each in row["predictions"]}["red"]
            assert red == pytest.approx(10 * index / 255, abs=1e-3)


def test_images_that_cannot_be_used_do_not_reach_the_model(tmp_path):
    calls = []
    (row,) = classify(predictor(calls), [tmp_path / "absent.jpg"], top=1)
    assert "absent.jpg cannot be read (No such file or directory)" in row["error"]
    assert calls == []


@pytest.mark.parametrize("size", [(300, 200), (256, 256), (30, 200)])
def test_every_path_of_an_image_gives_the_pixels_of_evaluation(size, tmp_path, monkeypatch):
    path = tmp_path / "p.jpg"
    Image.effect_noise(size, 80).convert("RGB").save(path)
    split = split_of([Files(tmp_path, np.array([b"p.jpg"]), np.zeros(1, np.int64))])
    expected = image_ops.center_crop(split.pixels(tf.constant(0, tf.int64)), 67)
    np.testing.assert_array_equal(read_image(path, 67), expected)
    monkeypatch.setattr(module, "COMPILED", 1)
    for image in (path, np.asarray(Image.open(path))):
        (crop,) = module._crops([image], 67, DEFAULT_PREPARATION)
        np.testing.assert_array_equal(crop, expected)


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
        file.truncate(IMAGE_BYTES + 1)
    with pytest.raises(InputError, match="large.jpg has 268,435,457 bytes, but at most 268,435,456 are expected"):
        read_image(tmp_path / "large.jpg", 227)
