"""Shards: what was written is what is read, in any order, and damage has a name."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import xxhash
from support import draw_folder

from alexnet_keras.data import reading, shards
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The same twelve and nine images as a folder, as raw shards and as JPEG shards."""
    root = tmp_path_factory.mktemp("prepared")
    draw_folder(root / "colours")
    source = open_dataset(str(root / "colours"))
    for encoding in shards.ENCODINGS:
        prepare(source, root / encoding, Settings(encoding=encoding))
    return root


def test_an_index_of_another_type_is_refused(prepared, tmp_path):
    folder = copy(prepared, "raw", tmp_path)
    values = json.loads((folder / "dataset.json").read_text())
    for content in (b"", b"x" * 300, (folder / "train-00000.index.npy").read_bytes()[:-1]):
        (folder / "train-00000.index.npy").write_bytes(content)
        values["splits"]["train"][0]["index_checksum"] = xxhash.xxh3_64_hexdigest(content)
        (folder / "dataset.json").write_text(json.dumps(values))
        with pytest.raises(
            InputError, match=r"index.npy is damaged: it is no index; remove it and prepare the data set"
        ):
            _ = open_dataset(str(folder)).train


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


def copy(prepared, encoding, tmp_path):
    (tmp_path / "s").mkdir()
    for path in (prepared / encoding).iterdir():
        (tmp_path / "s" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "s"


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


@pytest.mark.parametrize("encoding", shards.ENCODINGS)
def test_a_batch_is_its_images_in_any_order(prepared, encoding):
    split = open_dataset(str(prepared / encoding)).train
    order = [7, 0, 11, 7, 3]
    (batch,) = tf.data.Dataset.from_tensors(tf.constant(order, tf.int64)).map(split.read_batch)
    assert batch.shape[1:] == (() if encoding == "jpeg" else (256, 256, 3))
    for index, image in zip(order, batch, strict=True):
        assert np.all(image.numpy() == split.read(tf.constant(index, tf.int64)).numpy())


def test_raw_shards_are_plain_numpy_files(prepared):
    images = np.load(prepared / "raw" / "train-00000.npy", mmap_mode="r")
    split = open_dataset(str(prepared / "raw")).train
    assert images.shape == (12, 256, 256, 3)
    np.testing.assert_array_equal(images[5], split.read(tf.constant(5, tf.int64)))
    encoded = np.load(prepared / "jpeg" / "train-00000.npy")
    assert encoded.ndim == 1
    assert bytes(encoded[:2]) == b"\xff\xd8"


def test_statistics_are_those_of_the_training_images(prepared):
    dataset = open_dataset(str(prepared / "raw"))
    images = np.load(prepared / "raw" / "train-00000.npy").astype(np.float64)
    np.testing.assert_allclose(dataset.statistics.mean, images.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(dataset.statistics.covariance, np.cov(images.reshape(-1, 3).T, bias=True), rtol=1e-9)


@pytest.mark.parametrize("encoding", shards.ENCODINGS)
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


def cut(folder):
    path = folder / "train-00000.npy"
    path.write_bytes(path.read_bytes()[:-1])
    return r"train-00000.npy is damaged: 2,359,423 bytes instead of 2,359,424; remove it and prepare"


def other_label(folder):
    path = folder / "train-00000.index.npy"
    index = np.load(path)
    index[0]["label"] = 2
    np.save(path, index)
    return r"train-00000.index.npy is damaged \(checksum\); remove it and prepare"


def no_shard(folder):
    (folder / "train-00000.npy").unlink()
    return r"train-00000.npy cannot be read \(No such file or directory\); check the path"


def pipe(folder):
    (folder / "train-00000.npy").unlink()
    os.mkfifo(folder / "train-00000.npy")
    return r"train-00000.npy is a named pipe, not a regular file"


def later_format(folder):
    values = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**values, "format": 3}))
    return r"holds shards of format 3, this version reads 2; prepare them again"


def no_manifest(folder):
    (folder / "dataset.json").write_text("{")
    return r"dataset.json is damaged: it holds no valid JSON"


def half_a_manifest(folder):
    (folder / "dataset.json").write_text('{"format": 2}')
    return r"dataset.json is damaged: dataset.json has no key 'bad_images'. Prepare the data set again"


def deep_manifest(folder):
    (folder / "dataset.json").write_text('{"format": ' + "[" * 200_000)
    return r"dataset.json is damaged: it holds no valid JSON \(it is nested too deeply\)"


def forge(folder, **changes):
    """Change dataset.json and the index of the training images, and let the checksum of the index fit."""
    values, index = json.loads((folder / "dataset.json").read_text()), np.load(folder / "train-00000.index.npy")
    for name, value in changes.items():
        if name in index.dtype.names:
            index[0][name] = value
        else:
            entry = values["splits"]["train"][0] if name in values["splits"]["train"][0] else values
            entry[name if name != "title" else "name"] = value
    np.save(folder / "train-00000.index.npy", index)
    values["splits"]["train"][0]["index_checksum"] = xxhash.xxh3_64_hexdigest(
        (folder / "train-00000.index.npy").read_bytes()
    )
    (folder / "dataset.json").write_text(json.dumps(values))


def forged(message, **changes):
    return lambda folder: forge(folder, **changes) or message


OUTSIDE = r"train-00000.index.npy does not fit .*train-00000.npy; remove both and prepare the data set again"
DAMAGES = [
    cut,
    other_label,
    no_shard,
    pipe,
    later_format,
    no_manifest,
    half_a_manifest,
    deep_manifest,
    forged("dataset.json.size must be a whole number, got '256'. Prepare the data set again", size="256"),
    forged("`size` must be 32 to 1024 pixels, got 1000000", size=10**6),
    forged("`encoding` must be jpeg or raw, got 'webp'", encoding="webp"),
    forged("dataset.json.class_names must be a list, got 7", class_names=7),
    forged("A shard is named '../../etc/passwd'", name="../../etc/passwd"),
    forged("The shard train-00000 has -1 images", images=-1),
    forged("dataset.json.statistics must be an object, got None", statistics=None),
    forged("dataset.json.bad_images must be a list, got 3", bad_images=3),
    forged(OUTSIDE, offset=10**12),
    forged(OUTSIDE, offset=-1),
    forged(OUTSIDE, length=10**15),
    forged(OUTSIDE, offset=2**63 - 1),
    forged(OUTSIDE, images=11),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_that_shows_at_once_is_told_at_once(prepared, damage, tmp_path):
    folder = copy(prepared, "raw", tmp_path)
    message = damage(folder)
    with pytest.raises(InputError, match=message):
        _ = open_dataset(str(folder)).train


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text(path.read_text().replace("0", "1", 1))])
def test_sources_that_are_lost_or_changed_are_named(prepared, tmp_path, damage):
    folder = copy(prepared, "raw", tmp_path)
    damage(folder / "train-00000.sources.json")
    split = open_dataset(str(folder)).train
    with pytest.raises(InputError, match=r"train-00000.sources.json is damaged or missing; remove it and prepare the"):
        _ = split.names[0]
