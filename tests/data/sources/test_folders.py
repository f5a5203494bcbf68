"""Folders as people have them: which images are for validation, what is ignored, and why others cannot be used."""

import os
import shutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support import CLASS_NAMES, NARROW, cli, draw_folder, only_error
from support.class_folders import draw, draw_classes, names_of

from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError


def test_a_folder_of_class_folders_is_divided(pets):
    dataset = open_dataset(str(pets))
    assert dataset.division == "0.2 of each class is for validation, split seed 0"
    assert dataset.class_names == ("cat", "dog")
    for split, count in ((dataset.train, 8), (dataset.validation, 2)):
        assert np.bincount(split.labels).tolist() == [count, count]
        for index, name in enumerate(split.names):
            assert Path(name).parent.name == dataset.class_names[split.labels[index]]
            assert len(split.read(tf.constant(index, tf.int64)).numpy()) == len(Path(name).read_bytes())
    assert not names_of(dataset.train) & names_of(dataset.validation)


@pytest.mark.parametrize(
    ("train", "validation"),
    [("train", "val"), ("Train", "VALID"), ("TRAIN", "Validation"), ("training", "testing"), ("train", "test")],
)
def test_the_folders_of_the_splits_may_have_the_usual_names(train, validation, tmp_path):
    draw_classes(tmp_path / "d" / train, 3)
    draw_classes(tmp_path / "d" / validation, 1)
    dataset = open_dataset(str(tmp_path / "d"))
    assert (len(dataset.train), len(dataset.validation), dataset.division) == (6, 2, "")


def test_of_several_validation_folders_the_test_set_is_left(tmp_path):
    for name, count in (("train", 3), ("test", 2), ("valid", 1)):
        draw_classes(tmp_path / "d" / name, count)
    assert len(open_dataset(str(tmp_path / "d")).validation) == 2  # one of each class


def test_a_test_folder_without_classes_is_no_validation_split(tmp_path):
    draw_classes(tmp_path / "d" / "train", 5)
    draw(tmp_path / "d" / "test" / "1.png")
    dataset = open_dataset(str(tmp_path / "d"))
    assert (len(dataset.train), len(dataset.validation)) == (8, 2)


def test_a_class_may_be_called_train(tmp_path):
    dataset = open_dataset(str(draw_classes(tmp_path / "d", 2, ("bus", "train"))))
    assert dataset.class_names == ("bus", "train")


@pytest.fixture
def mixed(tmp_path):
    """A folder with files that are no images that can be read."""
    root = draw_classes(tmp_path / "mixed", 3)
    for index in range(4):
        (root / "cat" / f"{index}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    draw(root / "cat" / "scan.TIFF", "TIFF")
    draw(root / "cat" / "image.txt")  # never opened, as annotations are
    (root / "dog" / "x.\x1b[2J").write_text("x")
    (root / "dog" / "README").write_text("x")
    (root / "dog" / "y.a-very-long-suffix").write_text("x")
    os.mkfifo(root / "dog" / "pipe.dat")
    (root / "dog" / "broken").symlink_to("nowhere")
    draw(root / "loose.png")
    return root


WORDS = (
    "12 files are ignored (4 .heic, 3 without suffix, 1 .\\x1b[2j, 1 .dat, 1 .tiff and 2 more): "
    "convert images among them to JPEG or PNG"
)


def test_ignored_files_are_counted_by_suffix(mixed):
    dataset = open_dataset(str(mixed))
    assert len(dataset.train) + len(dataset.validation) == 6
    assert dataset.ignored_files() == WORDS
    assert dataset.ignored == Counter(
        {
            ".heic": 4,
            "without suffix": 3,
            ".tiff": 1,
            ".txt": 1,
            ".\\x1b[2j": 1,
            ".dat": 1,
            "outside of class folders": 1,
        }
    )
    with pytest.warns(UserWarning, match="^mixed: 12 files are ignored .4 .heic, .*.$"):
        train, validation = load_data(mixed, batch_size=2, fold="1/3")
    assert (len(train), len(validation)) == (2, 1)
    result = cli("data", "check", "--data", mixed)
    assert result.code == 1, result.err  # all images are the same
    assert " ".join(result.out.split()).count(f"Warning: {WORDS}.") == 1
    assert "Validation images: 0.2 of each class is for validation, split seed 0.\n" in result.out
    assert "Warning: 2 training images for each class are few for a network that starts from random" in result.out
    assert "use the recipe 'transfer' and a file of trained weights" in " ".join(result.out.split())


def test_a_clean_folder_gives_no_warning(pets):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_data(str(pets), batch_size=4)


def test_a_run_says_and_keeps_its_division(pets, tmp_path):
    run = tmp_path / "run"
    options = ("--epochs", 1, "--batch-size", 7, "--run", run, *NARROW, "--change", "towers=1")
    result = cli("train", "--data", pets, "--validation-split", 0.3, *options)
    assert result.code == 0, result.err
    said = " ".join(result.err.split())
    assert "14 training and 6 validation images of 2 classes; 0.3 of each class is for validation, split seed 0" in said
    assert "warning 7 training images for each class are few" in said
    assert "use the recipe 'transfer' and a file of trained weights" in said
    for data in ((), ("--data", pets)):
        assert cli("evaluate", run, *data, "--json").json["num_images"] == 6


def test_the_command_line_refuses_a_division_in_its_own_words(folder, pets):
    message = only_error(cli("train", "--data", folder, "--fold", "2/5"))
    assert f"--fold 2/5: {folder} has its own validation images; omit --fold, or pass {folder / 'train'}" in message
    for arguments in (["--fold", "2/1"], ["--fold", "1/2", "--validation-split", "0.5"]):
        assert cli("data", "check", "--data", pets, *arguments).code == 2
    assert cli("evaluate", "--validation-split", "1").code == 2


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
