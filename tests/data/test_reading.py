"""A split is read into memory if it fits, its colours are measured, and the image that cannot be read is named."""

import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import ImageForm
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError


def test_memory_holds_the_same_images(folder):
    split = open_dataset(str(folder)).train
    held = reading.in_memory(split, "colours")
    assert held.form is ImageForm.DECODED
    for index in range(len(split)):
        place = tf.constant(index, tf.int64)
        np.testing.assert_array_equal(held.pixels(place), split.pixels(place))
    assert reading.in_memory(held, "colours") is held


def test_a_set_too_large_for_memory_stays_on_disk(folder, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    split = open_dataset(str(folder)).train
    assert reading.in_memory(split, "colours") is split


def test_color_statistics_are_mean_and_covariance(folder):
    split = reading.in_memory(open_dataset(str(folder)).train, "colours")
    pictures = np.stack([split.pixels(tf.constant(index, tf.int64)) for index in range(len(split))])
    statistics = reading.color_statistics(split)
    np.testing.assert_allclose(statistics.mean, pictures.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(statistics.covariance, np.cov(pictures.reshape(-1, 3).T.astype(float), bias=True))


def test_colors_of_a_large_set_are_those_of_a_sample(split, monkeypatch):
    monkeypatch.setattr(reading, "COLOR_SAMPLE", 4)
    assert reading.color_statistics(split).mean == (4.5, 4.5, 4.5)  # images 0, 3, 6 and 9


def truncated(path):
    path.write_bytes(path.read_bytes()[:300])
    return "is not a complete JPEG, PNG, GIF, BMP or WebP image; replace or remove it"


def text(path):
    path.write_text("this is no image")
    return "is not a complete JPEG, PNG, GIF, BMP or WebP image"


def empty(path):
    path.write_bytes(b"")
    return "is empty"


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere.jpg")
    return "cannot be read from the disk"


@pytest.mark.parametrize("damage", [truncated, text, empty, dangling])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_bad_image_is_named(damage, in_memory, tmp_path):
    root = draw_folder(tmp_path / "d")
    message = damage(root / "train" / "green" / "0.jpg")
    split = open_dataset(str(root)).train
    with pytest.raises(InputError, match=f"train/green/0.jpg {message}"):  # noqa: PT012  # one of two ways to read
        if in_memory:
            reading.in_memory(split, "colours")
        else:
            with reading.naming_unreadable(split):
                epochs = tf.data.Dataset.range(1)
                list(pipeline.train_dataset(split, input_size=200, batch_size=4, epochs=epochs, seed=0))


def test_errors_of_other_causes_pass_through(split):
    with pytest.raises(tf.errors.InvalidArgumentError, match="mine"), reading.naming_unreadable(split):
        raise tf.errors.InvalidArgumentError(None, None, "mine")
