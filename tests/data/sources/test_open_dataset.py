"""A data set is opened by its name or path, and a run remembers which one it was."""

import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support import cli, draw_folder, only_error

from alexnet_keras.api import data_of
from alexnet_keras.cli.options import data_source
from alexnet_keras.config.command_line import data_words
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.serialization import to_dict
from alexnet_keras.config.training import DataSource
from alexnet_keras.data.class_labels import readable
from alexnet_keras.data.sources import shapes, tfds_library
from alexnet_keras.data.sources.open_dataset import absolute_source, open_dataset
from alexnet_keras.system.errors import InputError


@pytest.mark.parametrize("name", [b"red\nblue", b"red\x1b[2J", b"red\xff", "red\u2028blue".encode()])
def test_names_of_classes_must_fit_into_a_list_of_labels(name, tmp_path):
    root = draw_folder(tmp_path / "d")
    for split in ("train", "val"):
        (root / split / "red").rename(root / split / os.fsdecode(name))
    error = only_error(cli("data", "check", "--data", root))
    assert f"d has a class named {os.fsdecode(name)!r}; rename it in UTF-8 without control characters" in error


def test_shapes_are_the_embedded_images(monkeypatch):
    monkeypatch.setitem(shapes.NUM_IMAGES, "train", 20)
    monkeypatch.setitem(shapes.NUM_IMAGES, "validation", 10)
    dataset = open_dataset("shapes")
    assert dataset.class_names == shapes.CLASS_NAMES
    assert (len(dataset.train), len(dataset.validation)) == (20, 10)
    np.testing.assert_array_equal(dataset.train.read(tf.constant(13, tf.int64)), shapes.draw("train", 13)[0])
    np.testing.assert_array_equal(dataset.validation.labels, np.arange(10))


def test_a_file_is_no_data_set(tmp_path):
    (tmp_path / "data.zip").write_text("x")
    with pytest.raises(
        InputError, match=r"data.zip is a file; give a folder of images, or a table of them \(.csv, .tsv\); unpack an"
    ):
        open_dataset(str(tmp_path / "data.zip"))


@pytest.fixture
def all_available(monkeypatch):
    monkeypatch.setattr(tfds_library, "check_available", lambda source: None)


def test_a_run_remembers_where_its_data_are(tmp_path, all_available):
    values = {
        "data": "tf_flowers",
        "data_dir": "/data",
        "manual_dir": None,
        "split": "train[:5],train[5:]",
        "upright": True,
    }
    (tmp_path / "config.json").write_text(json.dumps(values))
    source = data_of(tmp_path / "model.keras")
    assert source == DataSource(name="tf_flowers", data_dir="/data", split="train[:5],train[5:]")
    assert data_source(lambda: source, None, data_dir="/other").data_dir == "/other"
    assert data_source(lambda: source, "cifar10", split=None) == DataSource(name="cifar10")


def test_the_data_of_a_run_are_divided_as_in_the_run(tmp_path, monkeypatch, all_available):
    """Also if the option `--data` names them again: the default would show training images to the evaluation."""
    config = dataclasses.replace(recipe("quickstart"), data=str(tmp_path / "pets"), fold="2/5", split_seed=3)
    (tmp_path / "config.json").write_text(json.dumps(to_dict(config)))
    monkeypatch.chdir(tmp_path)
    recorded = data_of(tmp_path / "model.keras")
    assert recorded == config.source == DataSource(name=str(tmp_path / "pets"), fold="2/5", split_seed=3)
    for name in (None, "pets", recorded.name):
        assert data_source(lambda: recorded, name, fold=None) == recorded
    assert data_source(lambda: recorded, "pets", validation_split=0.5).fold is None
    assert data_source(lambda: recorded, "others") == DataSource(name="others")
    assert data_source(lambda: data_of(tmp_path / "elsewhere" / "m.keras"), "pets") == DataSource(name="pets")
    assert data_words(recorded) == f"--data {recorded.name} --fold 2/5 --split-seed 3"


def test_a_folder_is_the_same_from_everywhere(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert absolute_source("colours") == absolute_source("./colours/") == str(folder.resolve())
    assert absolute_source("shapes") == "shapes"
    assert absolute_source("cifar10") == "cifar10"


def test_real_photographs(shared_data):
    dataset = open_dataset(str(shared_data / "imagenette"))
    assert (len(dataset.train), len(dataset.validation)) == (9469, 3925)
    assert [readable(name) for name in dataset.class_names][:2] == ["tench", "English springer"]
    with Image.open(dataset.train.names[0]) as image:
        assert image.size == (224, 224)
