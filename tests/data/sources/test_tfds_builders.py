"""Data sets of TensorFlow Datasets are built, divided and read, in memory or as a stream."""

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from support import cli, only_error

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import check, class_labels
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources import tfds_library
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training.train import train


class TinyColors(tfds.core.GeneratorBasedBuilder):
    """A real TFDS builder that downloads nothing."""

    VERSION = tfds.core.Version("1.0.0")
    SPLITS = {"train": 6, "test": 4}  # noqa: RUF012

    def _info(self):
        features = {"image": tfds.features.Image(), "label": tfds.features.ClassLabel(names=["dark", "light"])}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(count) for split, count in self.SPLITS.items()}

    def _generate_examples(self, count):
        for index in range(count):
            yield index, {"image": np.full((20, 30, 3), 250 * (index % 2), np.uint8), "label": index % 2}


class TinyUnsplit(TinyColors):
    SPLITS = {"train": 20}  # noqa: RUF012


class TinyBroken(TinyColors):
    def _split_generators(self, dl_manager):
        raise OSError("the server is away\nsecond line")


class TinyText(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {}

    def _generate_examples(self):
        yield from ()


@pytest.mark.usefixtures("tfds_folder")
def test_a_tfds_name_is_prepared_and_read():
    dataset = open_dataset("tiny_colors")
    assert dataset.class_names == ("dark", "light")
    assert (len(dataset.train), len(dataset.validation)) == (6, 4)
    for split in (dataset.train, dataset.validation):
        for index, label in enumerate(split.labels):
            image = tf.io.decode_image(split.read(tf.constant(index, tf.int64)))
            assert image.shape == (20, 30, 3)
            assert np.all(image == 250 * label)


@pytest.mark.usefixtures("tfds_folder")
def test_a_dry_run_downloads_nothing(tmp_path):
    message = "tiny_colors is not on this machine yet, and a dry run downloads nothing; train without a dry run."
    result = cli("train", "--data", "tiny_colors", "--dry-run")
    assert result.code == 1
    assert message in only_error(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("tfds_folder")
def test_without_a_validation_split_the_last_tenth_stands_in():
    dataset = open_dataset("tiny_unsplit")
    assert (len(dataset.train), len(dataset.validation)) == (18, 2)


@pytest.mark.usefixtures("tfds_folder")
def test_tfds_data_sets_that_cannot_be_used_say_why(monkeypatch):
    with pytest.raises(OptionError, match="The data set tiny_colors:9.9.9 cannot be opened; check .*says: .*9.9.9"):
        open_dataset("tiny_colors:9.9.9")
    with pytest.raises(OptionError, match="The data set tiny_colors/foo cannot be opened; check its version"):
        open_dataset("tiny_colors/foo")
    with pytest.raises(InputError, match="The data set tiny_text has no features 'image' and 'label'"):
        open_dataset("tiny_text")
    with pytest.raises(
        InputError, match="The data set tiny_broken could not be downloaded and prepared: the server is away$"
    ):
        open_dataset("tiny_broken")
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10}))
    with pytest.raises(InputError, match=r"third of the free memory, .* prepare --data tiny_colors --output DIR$"):
        _ = open_dataset("tiny_colors").train


NAMED = {
    "imagenette": ("train", "validation"),
    "cifar10": ("train", "test"),
    "cifar100": ("train", "test"),
    "tf_flowers": ("train", "train"),
}


def record_splits(builder, counts):
    """What a finished build leaves behind, without the images."""
    library = tfds.core
    infos = [
        library.SplitInfo(
            name=name,
            shard_lengths=[count],
            num_bytes=1000,
            filename_template=library.ShardedFileTemplate(
                data_dir=builder.data_dir, dataset_name=builder.name, split=name, filetype_suffix="tfrecord"
            ),
        )
        for name, count in counts.items()
    ]
    builder.info.set_splits(library.splits.SplitDict(infos))
    builder.data_path.mkdir(parents=True)
    builder.info.write_to_directory(builder.data_path)


@pytest.mark.parametrize("name", NAMED)
def test_the_named_data_sets_by_tfds_mocking(name, tmp_path):
    tfds_library.tfds(DataSource(name=name))
    training, validation = NAMED[name]
    record_splits(tfds.builder(name, data_dir=str(tmp_path)), {training: 20, validation: 20})
    with tfds.testing.mock_data(num_examples=20, data_dir=str(tmp_path)):
        dataset = open_dataset(DataSource(name=name, data_dir=str(tmp_path)))
        assert len(dataset.class_names) == {"cifar100": 100, "tf_flowers": 5}.get(name, 10)
        for split in (dataset.train, dataset.validation):
            assert 0 < len(split) <= 20
            for index in range(len(split)):
                image = split.pixels(tf.constant(index, tf.int64))
                assert image.shape == (256, 256, 3)


def test_a_data_set_for_validation_alone_by_tfds_mocking(tmp_path):
    record_splits(tfds.builder("imagenet_v2", data_dir=str(tmp_path)), {"test": 6})
    with tfds.testing.mock_data(num_examples=6, data_dir=str(tmp_path)):
        dataset = open_dataset(DataSource(name="imagenet_v2", data_dir=str(tmp_path)))
        assert dataset.class_names == class_labels.synsets()
        assert len(dataset.validation) == 6
        with pytest.raises(
            InputError, match="The data set imagenet_v2 has no split for train, only test; name both splits"
        ):
            _ = dataset.train


@pytest.mark.usefixtures("tfds_folder")
def test_split_expressions():
    dataset = open_dataset(DataSource(name="tiny_unsplit", split="train[:25%]+train[75%:], train[10:15]"))
    assert (len(dataset.train), len(dataset.validation)) == (10, 5)
    plain = open_dataset(DataSource(name="tiny_unsplit", split="train,train"))
    every = [int(plain.train.labels[index]) for index in range(20)]
    assert list(dataset.train.labels) == every[:5] + every[15:]
    assert list(dataset.validation.labels) == every[10:15]
    for split, message in {
        "train": "`split` train: give two, for training and validation, such as",
        "train,trian": "`split` trian cannot be used; the data set has .*train.* TensorFlow Datasets says: ",
        "train,train[20:]": r"`split` train\[20:\] has no image; give a larger part",
    }.items():
        with pytest.raises(OptionError, match=message):
            open_dataset(DataSource(name="tiny_unsplit", split=split))
    with pytest.raises(OptionError, match="`split` a,b: shapes has its own; only data sets of TFDS are split so"):
        open_dataset(DataSource(name="shapes", split="a,b"))


@pytest.mark.usefixtures("tfds_folder")
def test_a_stream_gives_any_part_in_order():
    dataset = open_dataset(DataSource(name="tiny_unsplit", split="train[15:]+train[:10],train"))
    stream = dataset.stream("train")
    assert stream.count == 15
    whole = [int(stream.load(example)[1]) for example in stream.elements(0, 15)]
    assert whole == list(dataset.train.labels)
    for start, stop in ((0, 5), (3, 9), (5, 15), (14, 15)):
        part = [int(stream.load(example)[1]) for example in stream.elements(start, stop)]
        assert part == whole[start:stop]
    assert stream.name(3) == "tiny_unsplit train[15:]+train[:10] 3"


@pytest.mark.usefixtures("tfds_folder")
def test_a_set_too_large_for_memory_is_prepared_from_its_stream(monkeypatch, tmp_path):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10}))
    dataset = open_dataset("tiny_colors")
    result = prepare(dataset, tmp_path / "shards", Settings(encoding="raw"))
    assert result.images == {"train": 6, "validation": 4}
    split = open_dataset(str(tmp_path / "shards")).train
    for index, label in enumerate(split.labels):
        assert np.all(split.read(tf.constant(index, tf.int64)) == 250 * label)


@pytest.mark.usefixtures("tfds_folder")
def test_training_on_a_set_too_large_for_memory_prepares_it_once(monkeypatch, tiny, tmp_path, capfd):
    # Neither the encoded nor the decoded images fit.
    monkeypatch.setattr("psutil.virtual_memory", lambda: types.SimpleNamespace(available=10, total=10))
    whole = dataclasses.replace(
        recipe("quickstart"),
        architecture=dataclasses.replace(tiny, towers=1),
        data="tiny_colors",
        input_size=67,
        batch_size=3,
        epochs=1,
    )
    assert train(whole, tmp_path / "run").num_images == 4
    shards = tfds_library.prepared_folder(whole.source)
    assert f"tiny_colors is too large for memory. Its images are now stored once at 256 pixels in {shards}" in (
        capfd.readouterr().err
    )
    written = (shards / "dataset.json").stat().st_mtime_ns
    assert train(whole, tmp_path / "again").num_images == 4
    assert (shards / "dataset.json").stat().st_mtime_ns == written
    words = r"third of the free memory, .* prepare --data tiny_colors --split 'train\[:3\],train\[3:\]' --output DIR$"
    with pytest.raises(InputError, match=words):
        train(dataclasses.replace(whole, split="train[:3],train[3:]"), tmp_path / "split")


class TinyUnlabelled(TinyColors):
    def _generate_examples(self, count):
        for index in range(count):
            yield index, {"image": np.full((20, 30, 3), 7, np.uint8), "label": -1}


@pytest.mark.usefixtures("tfds_folder")
def test_images_without_a_label_are_named(tmp_path):
    dataset = open_dataset("tiny_unlabelled")
    message = "tiny_unlabelled train 0 has the label -1, but tiny_unlabelled has 2 classes, 0 to 1; correct its labels"
    with pytest.raises(InputError, match=message):
        _ = dataset.train
    with pytest.raises(InputError, match=message):
        prepare(dataset, tmp_path / "shards", Settings())
    with pytest.raises(InputError, match=message):
        check.check(dataset, 1)
