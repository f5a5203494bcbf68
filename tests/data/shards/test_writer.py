"""A shard is a plain NumPy file with its index and its sources, written completely or not at all."""

import json

import numpy as np
import pytest
import tensorflow as tf
import xxhash

from alexnet_keras.data.shards.writer import writing
from alexnet_keras.data.sources.open_dataset import open_dataset


def test_raw_shards_are_plain_numpy_files(prepared):
    images = np.load(prepared / "raw" / "train-00000.npy", mmap_mode="r")
    split = open_dataset(str(prepared / "raw")).train
    assert images.shape == (12, 256, 256, 3)
    np.testing.assert_array_equal(images[5], split.read(tf.constant(5, tf.int64)))
    encoded = np.load(prepared / "jpeg" / "train-00000.npy")
    assert encoded.ndim == 1
    assert bytes(encoded[:2]) == b"\xff\xd8"


def test_the_index_says_where_each_image_lies_and_what_it_is(tmp_path):
    records = {"a.jpg": b"first", "b.jpg": b"the second"}
    with writing(tmp_path, "train-00000", 32, "jpeg") as writer:
        for label, (source, record) in enumerate(records.items()):
            writer.add(source, label, record)
    content = (tmp_path / "train-00000.npy").read_bytes()
    index = np.load(tmp_path / "train-00000.index.npy")
    for entry, label, record in zip(index, (0, 1), records.values(), strict=True):
        assert content[entry["offset"] :][: entry["length"]] == record
        assert (entry["label"], entry["checksum"]) == (label, xxhash.xxh3_64_intdigest(record))
    assert json.loads((tmp_path / "train-00000.sources.json").read_text()) == list(records)
    assert np.load(tmp_path / "train-00000.npy").tobytes() == b"firstthe second"


def test_a_shard_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), writing(tmp_path, "train-00000", 32, "raw") as writer:  # noqa: PT012
        writer.add("a.png", 0, bytes(32 * 32 * 3))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
