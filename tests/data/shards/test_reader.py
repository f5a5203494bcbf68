"""What shards hold is read in any order, and whatever was changed in them is named."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import xxhash
from support.shard_files import copy, forge

from alexnet_keras.config.training import ENCODINGS
from alexnet_keras.data import reading
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError


def test_a_stored_image_of_another_size_is_refused(prepared, tmp_path):
    """It would be cropped somewhere else than at its centre, and may need any amount of memory."""
    folder = copy(prepared, "jpeg", tmp_path)
    other = tf.io.encode_jpeg(np.zeros((300, 256, 3), np.uint8)).numpy()
    content = bytearray((folder / "train-00000.npy").read_bytes())
    content[128 : 128 + len(other)] = other
    (folder / "train-00000.npy").write_bytes(content)
    forge(folder, length=len(other), checksum=xxhash.xxh3_64_intdigest(other))
    split = open_dataset(str(folder)).train
    assert split.read(tf.constant(1, tf.int64)) is not None
    with (
        pytest.raises(InputError, match="train-00000.npy is damaged: image 0 is no JPEG of 256 x 256 pixels; remove"),
        reading.naming_unreadable(split),
    ):
        split.read(tf.constant(0, tf.int64))


@pytest.mark.parametrize(("encoding", "tolerance"), [("raw", 0), ("jpeg", 24)])  # the colours are noise, hard on JPEG
def test_shards_hold_the_images_of_their_source(prepared, encoding, tolerance):
    source, stored = open_dataset(str(prepared / "colours")), open_dataset(str(prepared / encoding))
    assert stored.name == "colours"
    assert stored.class_names == source.class_names
    for one, other in ((source.train, stored.train), (source.validation, stored.validation)):
        assert list(one.names) == list(other.names)
        assert other.names[-1] == one.names[-1]
        assert other.names[1:3] == list(one.names[1:3])
        np.testing.assert_array_equal(one.labels, other.labels)
        for index in range(len(one)):
            place = tf.constant(index, tf.int64)
            difference = one.pixels(place).numpy().astype(int) - other.pixels(place).numpy()
            assert np.abs(difference).mean() <= tolerance


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_batch_is_its_images_in_any_order(prepared, encoding):
    split = open_dataset(str(prepared / encoding)).train
    order = [7, 0, 11, 7, 3]
    (batch,) = tf.data.Dataset.from_tensors(tf.constant(order, tf.int64)).map(split.read_batch)
    assert batch.shape[1:] == (() if encoding == "jpeg" else (256, 256, 3))
    for index, image in zip(order, batch, strict=True):
        assert np.all(image.numpy() == split.read(tf.constant(index, tf.int64)).numpy())


def test_statistics_are_those_of_the_training_images(prepared):
    dataset = open_dataset(str(prepared / "raw"))
    images = np.load(prepared / "raw" / "train-00000.npy").astype(np.float64)
    np.testing.assert_allclose(dataset.statistics.mean, images.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(dataset.statistics.covariance, np.cov(images.reshape(-1, 3).T, bias=True), rtol=1e-9)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_changed_byte_is_found_when_it_is_read(prepared, encoding, tmp_path):
    folder = copy(prepared, encoding, tmp_path)
    path = folder / "train-00000.npy"
    content = bytearray(path.read_bytes())
    offset = int(np.load(folder / "train-00000.index.npy")[4]["offset"])
    content[offset + 700] ^= 1
    path.write_bytes(content)
    split = open_dataset(str(folder)).train
    assert split.read(tf.constant(3, tf.int64)) is not None
    with (
        pytest.raises(InputError, match=r"train-00000.npy is damaged: image 4 does not match its checksum; remove"),
        reading.naming_unreadable(split),
    ):
        list(tf.data.Dataset.range(12).batch(6).map(split.read_batch))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text(path.read_text().replace("0", "1", 1))])
def test_sources_that_are_lost_or_changed_are_named(prepared, tmp_path, damage):
    folder = copy(prepared, "raw", tmp_path)
    damage(folder / "train-00000.sources.json")
    split = open_dataset(str(folder)).train
    with pytest.raises(InputError, match=r"train-00000.sources.json is damaged or missing; remove it and prepare the"):
        _ = split.names[0]
