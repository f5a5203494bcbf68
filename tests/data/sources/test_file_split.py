"""The files of several folders are one split, which reads each file by its index, whatever its name."""

import os

import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder

from alexnet_keras.data.sources.file_split import split_of
from alexnet_keras.data.sources.files import Files
from alexnet_keras.data.sources.open_dataset import open_dataset


def test_file_names_need_not_be_utf8(tmp_path):
    root = draw_folder(tmp_path / "d")
    (root / "train" / "red" / "0.jpg").rename(os.fsdecode(os.fsencode(root / "train" / "red") + b"/\xff.jpg"))
    split = open_dataset(str(root)).train
    assert len(split) == 12
    assert all(len(split.read(tf.constant(index, tf.int64)).numpy()) > 100 for index in range(12))


def test_folders_follow_one_another_and_empty_ones_are_left_out(tmp_path):
    parts = []
    for folder, names, label in (("a", [b"x", b"y"], 1), ("empty", [], 2), ("b", [b"z"], 0)):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name.decode()).write_bytes(folder.encode() + name)
        parts.append(Files(tmp_path / folder, np.array(names, "S"), np.full(len(names), label, np.int64)))
    split = split_of(parts)
    assert list(split.labels) == [1, 1, 0]
    assert list(split.names) == [str(tmp_path / path) for path in ("a/x", "a/y", "b/z")]
    contents = tf.data.Dataset.range(3).map(split.read)
    assert list(contents.as_numpy_iterator()) == [b"ax", b"ay", b"bz"]


def test_a_file_that_is_gone_fails_when_it_is_read(tmp_path):
    split = split_of([Files(tmp_path, np.array([b"gone.png"]), np.zeros(1, np.int64))])
    with pytest.raises(tf.errors.NotFoundError, match="gone.png"):
        split.read(tf.constant(0, tf.int64))
