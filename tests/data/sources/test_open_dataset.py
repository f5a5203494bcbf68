"""Every source of images, and what each says when it cannot be used."""

import dataclasses
import json
import os
import shutil
import types
from unittest import mock

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from support import CLASS_NAMES, ROOT, cli, draw_folder, only_error

from alexnet_keras.api import data_of
from alexnet_keras.cli.options import data_source
from alexnet_keras.config.command_line import data_words
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.serialization import to_dict
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import check
from alexnet_keras.data.class_labels import readable
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources import imagenet, shapes, tfds_library
from alexnet_keras.data.sources.open_dataset import absolute_source, open_dataset
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import IMAGE_BYTES
from alexnet_keras.training.train import train


def test_a_folder_lists_its_classes_and_images(folder):
    dataset = open_dataset(str(folder))
    assert dataset.name == "colours"
    assert dataset.class_names == CLASS_NAMES
    assert len(dataset.train) == 12
    assert len(dataset.validation) == 9
    for index in (0, 5, 11):
        path = dataset.train.names[index]
        assert f"/train/{CLASS_NAMES[dataset.train.labels[index]]}/" in path
        with open(path, "rb") as file:
            assert dataset.train.read(tf.constant(index, tf.int64)).numpy() == file.read()


def test_a_folder_ignores_what_is_no_image(tmp_path):
    root = draw_folder(tmp_path / "d")
    (root / "train" / "red" / "notes.txt").write_text("x")
    (root / "train" / "red" / "._0.jpg").write_text("x")
    (root / "train" / ".cache").mkdir()
    (root / "train" / "README.md").write_text("x")
    assert len(open_dataset(str(root)).train) == 12


def test_file_names_need_not_be_utf8(tmp_path):
    root = draw_folder(tmp_path / "d")
    (root / "train" / "red" / "0.jpg").rename(os.fsdecode(os.fsencode(root / "train" / "red") + b"/\xff.jpg"))
    split = open_dataset(str(root)).train
    assert len(split) == 12
    assert all(len(split.read(tf.constant(index, tf.int64)).numpy()) > 100 for index in range(12))


def pipe(path):
    os.mkfifo(path)
    return "is a named pipe, not a regular file; copy its content into a file"


def device(path):
    path.symlink_to("/dev/zero")
    return "is a device, not a regular file; copy its content into a file"


def large(path):
    with path.open("wb") as file:
        file.truncate(IMAGE_BYTES + 1)
    return "has 268,435,457 bytes, but at most 268,435,456 are expected; check the file"


@pytest.mark.parametrize("make", [pipe, device, large])
def test_images_that_have_no_end_or_are_large_are_never_opened(make, tmp_path):
    root = draw_folder(tmp_path / "d")
    message = make(root / "train" / "red" / "x.jpg")
    with pytest.raises(InputError, match=f"train/red/x.jpg {message}"):
        _ = open_dataset(str(root)).train


def test_a_loop_of_links_is_one_unreadable_image_and_no_class(tmp_path):
    root = draw_folder(tmp_path / "d")
    (root / "train" / "red" / "loop.jpg").symlink_to("loop.jpg")
    (root / "train" / "loop").symlink_to("loop")
    result = check.check(open_dataset(str(root)), 2)
    assert result.train.unreadable == [
        {"image": str(root / "train" / "red" / "loop.jpg"), "reason": "cannot be read from the disk"}
    ]


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


def test_shapes_have_two_thousand_and_five_hundred_images():
    assert shapes.NUM_IMAGES == {"train": 2000, "validation": 500}


def empty_class(root):
    (root / "train" / "yellow").mkdir()
    return ["val lacks the class 'yellow'; every class needs images for training and for validation"]


def no_train(root):
    (root / "train").rename(root / "test")
    return ["d has test and val, but no folder 'train'; name one so"]


def two_trains(root):
    (root / "val").rename(root / "Train")
    return ["d has the folders Train and train; rename or remove all but one of them"]


def no_classes(root):
    for split in ("train", "val"):
        for name in CLASS_NAMES:
            shutil.rmtree(root / split / name)
    return ["train has no class folders; arrange the images as <class>/<image>, or name the class of each in a table"]


def one_folder(root):
    (root / "inner").mkdir()
    for split in ("train", "val"):
        (root / split).rename(root / "inner" / split)
    return ["d has one class folder, 'inner', .* if that folder holds the classes, pass .*/d/inner"]


def one_class(root):
    for split in ("train", "val"):
        for name in ("red", "green"):
            (root / split / name).rename(root / f"{split}-{name}")
    return ["train has only the class 'blue'; a classifier needs at least two"]


def foreign_class(root):
    (root / "val" / "yellow").mkdir()
    return ["train lacks the class 'yellow'; every class needs"]


def missing_class(root):
    (root / "val" / "red").rename(root / "red")
    return ["val lacks the class 'red'; every class needs"]


def no_pictures(root):
    for path in (root / "train" / "green").iterdir():
        path = path.rename(path.with_suffix(".tiff"))
        path.write_bytes(b"II*\0")
    return [r"train/green holds no image \(.bmp, .gif, .* .webp\), only 4 .tiff; convert or add some, or remove the"]


DAMAGES = (empty_class, no_train, two_trains, no_classes, one_folder, one_class)
DAMAGES += (foreign_class, missing_class, no_pictures)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_cannot_be_trained_on_says_why(damage, tmp_path):
    root = draw_folder(tmp_path / "d")
    for message in damage(root):
        with pytest.raises(InputError, match=message):  # noqa: PT012  # some show when the split is opened
            dataset = open_dataset(str(root))
            _ = dataset.train, dataset.validation


def test_a_file_is_no_data_set(tmp_path):
    (tmp_path / "data.zip").write_text("x")
    with pytest.raises(
        InputError, match=r"data.zip is a file; give a folder of images, or a table of them \(.csv, .tsv\); unpack an"
    ):
        open_dataset(str(tmp_path / "data.zip"))


@pytest.mark.parametrize("name", ["no_such_data", "no/such/folder", "./missing", "bad name!", "huggingface:mnist"])
def test_an_unknown_name_says_what_can_be_given(name):
    with pytest.raises(OptionError, match=f"The data set {name}: no such folder, and no such data set in TensorFlow"):
        open_dataset(name)


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


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))


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
    message = "tiny_colors is not on this machine yet, and a dry run downloads nothing; leave out --dry-run"
    result = cli("train", "--data", "tiny_colors", "--dry-run")
    assert result.code == 1
    assert message in only_error(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("tfds_folder")
def test_a_data_set_that_cannot_be_downloaded_fails_within_seconds(monkeypatch, tmp_path):
    """TFDS would ask each server seven times, for minutes, in threads that do not end at Ctrl-C."""
    asked = []

    def no_server(url, **options):
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", no_server)
    message = r"The data set mnist is not in .*, and storage.googleapis.com cannot be reached to download it; check"
    with pytest.raises(InputError, match=message):
        open_dataset(DataSource(name="mnist", data_dir=str(tmp_path)))
    assert len(asked) == 1
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.keras").touch()
    load = "alexnet_keras.cli.options.load_tensorflow"
    monkeypatch.setattr(load, lambda: pytest.fail("TensorFlow is imported before"))
    shutil.copytree(ROOT / "tests" / "fixtures" / "finished_run", tmp_path / "run")
    for command in (
        *("data check", "data prepare --output d", "train", "evaluate m.keras", "export m.keras --format tflite"),
        *("compress run", "features m.keras --output f.npz", "figures confusion m.keras", "figures augmentation"),
        *("benchmark input", "export m.keras --format tflite --data shapes --calibration mnist"),
    ):
        words = command.split() if "--data" in command.split() else [*command.split(), "--data", "mnist"]
        result = cli(*words, "--data-dir", tmp_path)
        assert "mnist is not in " in only_error(result), command
    asked.clear()
    (tmp_path / "downloads" / "mnist").mkdir(parents=True)  # then TFDS may have all files
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", mock.Mock(side_effect=OSError("no file")))
    with pytest.raises(InputError, match="The data set mnist could not be downloaded and prepared: no file"):
        open_dataset(DataSource(name="mnist", data_dir=str(tmp_path)))
    assert asked == []


def test_a_server_that_answers_is_left_to_tfds(monkeypatch, tmp_path):
    def slow(url, **options):
        raise requests.ReadTimeout

    monkeypatch.setattr(requests, "head", slow)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", mock.Mock(side_effect=OSError("no file")))
    with pytest.raises(InputError, match="The data set mnist could not be downloaded and prepared: no file"):
        open_dataset(DataSource(name="mnist", data_dir=str(tmp_path)))


def test_without_a_validation_split_the_last_tenth_stands_in():
    dataset = open_dataset("tiny_unsplit")
    assert (len(dataset.train), len(dataset.validation)) == (18, 2)


def test_a_broken_tfds_says_what_mends_it(monkeypatch):
    monkeypatch.delattr(tfds, "builder")
    with pytest.raises(InputError, match="cannot be imported, probably .* pip install 'tensorflow-metadata<1.18'"):
        open_dataset("cifar10")


@pytest.mark.usefixtures("tfds_folder")
def test_tfds_data_sets_that_cannot_be_used_say_why(monkeypatch):
    with pytest.raises(OptionError, match="The data set tiny_colors:9.9.9: TensorFlow Datasets says: .*9.9.9"):
        open_dataset("tiny_colors:9.9.9")
    with pytest.raises(OptionError, match="The data set tiny_colors/foo: TensorFlow Datasets says: "):
        open_dataset("tiny_colors/foo")
    with pytest.raises(InputError, match="The data set tiny_text has no features 'image' and 'label'"):
        open_dataset("tiny_text")
    with pytest.raises(
        InputError, match="The data set tiny_broken could not be downloaded and prepared: the server is away$"
    ):
        open_dataset("tiny_broken")
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10}))
    with pytest.raises(InputError, match="more than a third of the free memory, .* store it once by"):
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
        assert dataset.class_names == imagenet.synsets()
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
        "train,trian": "`split` trian: TensorFlow Datasets says: ",
        "train,train[20:]": r"`split` train\[20:\] has no image in it",
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
    with pytest.raises(InputError, match="more than a third of the free memory, .* store it once by"):
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
