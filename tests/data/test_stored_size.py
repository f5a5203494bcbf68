"""The size at which images are stored is a property of the data set, from the files to the crops of the network."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from support.train_tiny import NETWORK

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import image_ops, pipeline, reading
from alexnet_keras.data.dataset import ImageForm
from alexnet_keras.data.decode import decode
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources import shapes
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export import onnx, tflite
from alexnet_keras.inference.predictor import ImagePreparation, load_predictor, preparation_of
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


def opened(name, size):
    return open_dataset(DataSource(name=str(name), stored_size=size))


def test_images_have_the_stored_size_and_crops_lie_in_it(folder):
    split = opened(folder, 40).train
    expected = image_ops.resize_and_crop(decode(split.read(tf.constant(3))), 40)
    assert np.abs(split.pixels(tf.constant(3)).numpy().astype(int) - expected.numpy()).max() <= 1
    held = reading.in_memory(split, "images")
    assert held.read(tf.constant(0)).shape == (40, 40, 3)
    assert held.stored_size == 40
    for each in (split, held):
        epochs = tf.data.Dataset.range(1)
        batches = pipeline.train_dataset(each, input_size=36, batch_size=4, epochs=epochs, seed=0)
        assert next(iter(batches))[0].shape == (4, 36, 36, 3)
    np.testing.assert_array_equal(
        next(iter(pipeline.eval_dataset(held, input_size=36, batch_size=1)))[0][0],
        held.read(tf.constant(0))[2:38, 2:38],
    )


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_shards_of_the_stored_size_are_not_resized(folder, tmp_path, encoding):
    prepare(open_dataset(str(folder)), tmp_path / "shards", Settings(size=64, encoding=encoding))
    split = opened(tmp_path / "shards", 64).train
    assert split.form is (ImageForm.STORED_JPEG if encoding == "jpeg" else ImageForm.DECODED)
    assert split.read_batch is not None
    batches = pipeline.train_dataset(split, input_size=60, batch_size=4, epochs=tf.data.Dataset.range(1), seed=0)
    whole = {split.pixels(tf.constant(index)).numpy()[30, 30].tobytes() for index in range(len(split))}
    assert len(whole) == len(split)
    assert next(iter(batches))[0].shape == (4, 60, 60, 3)
    assert opened(tmp_path / "shards", 40).train.pixels(tf.constant(0)).shape == (40, 40, 3)


def test_shapes_are_drawn_at_256_pixels_and_resized(monkeypatch):
    monkeypatch.setattr(shapes, "NUM_IMAGES", {"train": 3, "validation": 2})
    expected = image_ops.resize_and_crop(tf.constant(shapes.draw("train", 2)[0]), 48)
    np.testing.assert_array_equal(opened("shapes", 48).train.read(tf.constant(2)), expected)


def test_crops_larger_than_the_images_are_refused(folder):
    split, message = (
        opened(folder, 40).validation,
        "stored at 40 pixels, and crops have 41; choose a larger `stored_size`",
    )
    with pytest.raises(InputError, match=message):
        pipeline.eval_dataset(split, input_size=41, batch_size=1)
    with pytest.raises(InputError, match=message):
        pipeline.train_dataset(split, input_size=41, batch_size=1, epochs=tf.data.Dataset.range(1), seed=0)
    with pytest.raises(OptionError, match="`input_size` must be 67 to 128, .* to `stored_size`, got 227"):
        dataclasses.replace(recipe("quickstart"), stored_size=128)
    with pytest.raises(OptionError, match="`stored_size` must be 32 to 256, got 31"):
        DataSource(name="shapes", stored_size=31)
    with pytest.raises(OptionError, match="`input_size` must be 1 to 128, got 129"):
        load_data(folder, input_size=129, stored_size=128)


@pytest.mark.parametrize(
    ("recorded", "input_size", "size"),
    [
        ({"recipe": "a", "stored_size": 128}, 115, 128),
        ({"recipe": "a"}, 227, 256),  # of an earlier version
        ({"recipe": "a", "stored_size": "128"}, 115, 256),  # damaged
        ({"recipe": "a", "stored_size": 64}, 115, 256),  # damaged
        ({}, 227, 256),  # no run
        ({}, 32, 32),
    ],
)
def test_a_model_takes_images_as_its_run_stored_them(tmp_path, recorded, input_size, size):
    (tmp_path / "config.json").write_text(json.dumps(recorded))
    assert preparation_of(tmp_path / "model.keras", input_size).stored_size == size


@pytest.mark.parametrize("module", [onnx, tflite], ids=["onnx", "tflite"])
@pytest.mark.parametrize(
    ("config", "said", "expected"),
    [
        ({}, (False, 96), (False, 96)),
        ({}, (False, 60), (True, 256)),  # smaller than the crop, so the file is damaged
        ({}, ("no", 96), (True, 256)),
        ({"recipe": "a", "upright": True, "stored_size": 128}, (False, 96), (True, 128)),  # the run knows best
    ],
)
def test_an_exported_file_says_how_images_are_prepared(module, config, said, expected, tmp_path):
    path = tmp_path / f"model.{module.__name__.rpartition('.')[2]}"
    model = AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3))
    module.write(model, path, preparation=ImagePreparation(*said))
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = load_predictor(path)
    assert found.preparation == ImagePreparation(*expected)
