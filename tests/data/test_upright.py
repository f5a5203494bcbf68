"""Whether images are turned upright is one choice for every way that an image goes, and part of each run."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_keras import api
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.serialization import CONFIG, from_dict, to_dict
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import shards
from alexnet_keras.data.pipeline import eval_dataset, train_dataset
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.inference.classify import classify
from alexnet_keras.inference.predictor import ImagePreparation, Predictor, preparation_of
from alexnet_keras.system.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Class folders of JPEGs whose right edge, which is the top edge of the upright image, is bright."""
    root = tmp_path_factory.mktemp("phone")
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[:, 128:] = 200
    exif = Image.Exif()
    exif[0x0112] = 8  # turn it to the left
    for split in ("train", "val"):
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            Image.fromarray(pixels).save(root / split / name / "0.jpg", quality=100, exif=exif)
    return root


def is_upright(image) -> bool:
    """Whether the top is bright and the bottom dark. In the image as it is stored, both are half bright."""
    difference = float(np.mean(image[:40]) - np.mean(image[-40:]))
    assert min(abs(difference), abs(difference - 200)) < 3
    return difference > 100


@pytest.mark.parametrize("upright", [True, False])
def test_every_pipeline_turns_images_as_the_source_says(folder, upright):
    dataset = open_dataset(DataSource(name=str(folder), upright=upright))
    assert is_upright(dataset.train.pixels(tf.constant(0))) == upright
    stream = dataset.stream("validation")
    assert is_upright(stream.load(next(iter(stream.elements(0, 1))))[0]) == upright
    settings = {"input_size": 227, "batch_size": 2}
    for batches in (
        eval_dataset(dataset.validation, **settings),
        train_dataset(dataset.train, **settings, epochs=tf.data.Dataset.range(1), seed=0),
    ):
        images, _ = next(iter(batches))
        assert [is_upright(image) for image in images] == [upright, upright]


@pytest.mark.parametrize("upright", [True, False])
def test_shards_keep_the_choice(folder, upright, tmp_path):
    source = DataSource(name=str(folder), upright=upright)
    prepare(open_dataset(source), tmp_path / "shards", Settings())
    assert shards.manifest(tmp_path / "shards").upright is upright
    for asked in (True, False):
        dataset = open_dataset(DataSource(name=str(tmp_path / "shards"), upright=asked))
        assert dataset.upright is upright
        assert is_upright(dataset.train.pixels(tf.constant(0))) == upright
    with pytest.raises(InputError, match=f"other data or settings .upright {upright}, now {not upright}"):
        prepare(open_dataset(DataSource(name=str(folder), upright=not upright)), tmp_path / "shards", Settings())
    if not upright:  # shards of earlier versions say nothing, and have images as they are stored
        for file in (shards.PLAN, "dataset.json"):
            values = json.loads((tmp_path / "shards" / file).read_text())
            assert values.pop("upright") is False
            (tmp_path / "shards" / file).write_text(json.dumps(values))
        assert open_dataset(str(tmp_path / "shards")).upright is False
        prepare(open_dataset(source), tmp_path / "shards", Settings())


def test_a_run_keeps_the_choice(tmp_path):
    config = recipe("quickstart")
    assert config.upright
    assert config.source.upright
    values = to_dict(config)
    assert from_dict(values).upright
    (tmp_path / CONFIG).write_text(json.dumps(values))
    model = tmp_path / "model.keras"
    assert api.data_of(model).upright
    assert preparation_of(model, 227).upright
    del values["upright"]  # an earlier version
    assert not from_dict(values).upright
    (tmp_path / CONFIG).write_text(json.dumps(values))
    assert not preparation_of(model, 227).upright
    assert not api.data_of(model).upright
    assert not api.named_source("other", lambda: api.data_of(model)).upright
    (tmp_path / CONFIG).write_text("{}")  # of another program
    assert preparation_of(model, 227).upright
    assert preparation_of(tmp_path / "elsewhere" / "model.keras", 227).upright


@pytest.mark.parametrize("upright", [True, False])
def test_prediction_turns_images_as_the_run_of_the_model_did(folder, upright):
    seen = []

    def function(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return np.ones((len(images), 1), np.float32)

    predictor = Predictor(function, 227, ("a",), preparation=ImagePreparation(upright))
    for count in (1, 16):  # one by one, and in threads
        assert len(list(classify(predictor, [folder / "val" / "a" / "0.jpg"] * count, top=1))) == count
        assert is_upright(seen[-1][0]) == upright
