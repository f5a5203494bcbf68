"""A folder of shards whose description or index is damaged is refused when it is opened, and says what is wrong."""

import json
import os

import numpy as np
import pytest
import xxhash
from support.shard_files import copy, forge

from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError


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
