"""`data check` finds what was done to a data set."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from support import cli, draw_folder, only_error

from alexnet_keras.data import check, dataset
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.columns import WIDTH


@pytest.fixture(autouse=True)
def few_images_are_enough(monkeypatch):
    monkeypatch.setattr(dataset, "FEW_IMAGES", 4)
    monkeypatch.setattr(check, "BATCH_SIZE", 4)


@pytest.fixture
def colors(tmp_path):
    return draw_folder(tmp_path / "colours", size=(72, 64))


def report(root, jobs=2):
    return check.check(open_dataset(str(root)), jobs)


def test_a_good_data_set_has_no_problem(colors):
    result = report(colors)
    assert (result.problems, result.warnings, result.duplicates) == ([], [], [])
    assert (result.train.images, result.validation.images) == (12, 9)
    assert result.train.per_class == [4, 4, 4]
    assert result.validation.per_class == [3, 3, 3]
    assert result.train.shorter_side == (64, 64, 64)
    assert result.validation.longer_side == (72, 72, 72)
    assert result.imbalance == 1


def test_sizes_are_smallest_median_and_largest(colors):
    for index, size in enumerate([(300, 200), (20, 30)]):
        Image.new("RGB", size, (index, 7, 7)).save(colors / "train" / "red" / f"size{index}.png")
    result = report(colors)
    assert result.train.shorter_side == (20, 64, 200)
    assert result.train.longer_side == (30, 72, 300)


def test_unreadable_images_are_problems(colors):
    bad = colors / "val" / "green" / "1.png"
    bad.write_bytes(bad.read_bytes()[:100])
    result = report(colors)
    reason = "is not a complete JPEG, PNG, GIF, BMP or WebP image"
    assert result.validation.unreadable == [{"image": str(bad), "reason": reason}]
    assert result.problems == ["1 validation images cannot be used"]
    assert result.validation.per_class == [3, 2, 3]


def test_the_jpeg_library_prints_nothing(colors, capfd):
    path = colors / "train" / "red" / "damaged.jpg"
    Image.effect_noise((90, 80), 50).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:900] + b"\xff\x45" + content[900:])  # a marker where none may be
    assert report(colors).problems == ["1 training images cannot be used"]
    assert capfd.readouterr().err == ""


def test_duplicates_are_found_by_their_pixels(colors):
    source = colors / "train" / "red" / "1.png"
    target = colors / "val" / "red" / "another_file_of_it.bmp.png"
    with Image.open(source) as image:
        image.save(target, compress_level=1)
    assert source.read_bytes() != target.read_bytes()
    result = report(colors)
    assert result.duplicates == [{"validation": str(target), "training": str(source)}]
    assert result.problems == ["1 validation images (10.00%) are training images too"]


def test_few_duplicates_are_a_warning(colors, monkeypatch):
    monkeypatch.setattr(check, "MAX_SHARED", 0.2)
    shutil.copy(colors / "train" / "red" / "1.png", colors / "val" / "red" / "again.png")
    result = report(colors)
    assert result.problems == []
    assert result.warnings == ["1 validation images (10.00%) are training images too"]


def test_the_same_bytes_in_another_shape_are_another_image(colors):
    pixels = np.random.RandomState(0).randint(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(colors / "train" / "red" / "wide.png")
    Image.fromarray(pixels.reshape(60, 40, 3)).save(colors / "val" / "red" / "high.png")
    assert report(colors).duplicates == []


def test_one_image_in_two_classes_is_a_warning(colors):
    for name in ("again.png", "and_again.png"):
        shutil.copy(colors / "train" / "red" / "1.png", colors / "train" / "blue" / name)
    result = report(colors)
    assert result.train.contradictions == 1
    assert result.warnings == ["1 training images are in more than one class"]


def test_a_class_without_a_readable_image_is_a_problem(colors):
    for path in (colors / "train" / "green").iterdir():
        path.write_text("x")
    result = report(colors)
    assert result.problems == ["4 training images cannot be used", "no training image of green"]
    assert result.imbalance is None


def test_imbalance_is_a_warning(colors):
    for index in range(45):
        Image.effect_noise((30, 30), 50 + index).save(colors / "train" / "blue" / f"more{index}.png")
    result = report(colors)
    assert result.imbalance == 49 / 4
    assert result.warnings == ["the largest class has 12.2 times the images of the smallest"]
    assert result.problems == []


def test_the_command_prints_a_table_and_its_exit_code(colors):
    result = cli("data", "check", "--data", colors)
    assert result.code == 0, result.err
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["training", "validation"]
    assert ["images", "12", "9"] in rows
    assert ["green", "4", "3"] in rows
    assert rows[-1] == ["No", "problem", "found."]
    (colors / "val" / "red" / "0.jpg").write_bytes(b"")
    shutil.copy(colors / "train" / "red" / "1.png", colors / "val" / "red" / "again.png")
    result = cli("data", "check", "--data", colors)
    assert result.code == 1
    assert f"Unreadable: {colors / 'val' / 'red' / '0.jpg'} is empty\n" in result.out
    assert f"Duplicate: {colors / 'val' / 'red' / 'again.png'} is {colors / 'train' / 'red' / '1.png'}\n" in result.out
    assert "Problem: 1 validation images cannot be used.\n" in result.out
    result = cli("data", "check", "--data", colors, "--json")
    assert result.code == 1
    assert result.json["problems"] == json.loads(result.out)["problems"] != []


def test_a_set_without_any_readable_image_is_an_error(colors):
    for path in colors.rglob("val/*/*"):
        path.write_text("x")
    result = cli("data", "check", "--data", colors)
    assert result.code == 1
    assert "No image for validation of colours can be used; replace the images." in result.err


def test_classes_that_differ_between_the_splits_are_all_named(colors):
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        (colors / split / name).mkdir()
    error = only_error(cli("data", "check", "--data", colors))
    assert f"{colors / 'train'} lacks the class 'c' and {colors / 'val'} lacks the class 'a', 'b'; every class" in error


def test_images_of_almost_one_color_are_a_warning(colors):
    Image.new("RGB", (600, 400), (250, 250, 250)).save(colors / "train" / "red" / "blank.jpg")
    Image.effect_noise((600, 400), 1).save(colors / "train" / "red" / "black.png")
    result = report(colors)
    assert (result.train.uniform, result.validation.uniform) == (2, 0)
    assert result.warnings == ["2 training images have almost one colour"]


def test_images_that_are_turned_are_counted(colors):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((40, 30), 60).save(colors / "val" / "red" / "phone.jpg", exif=exif)
    exif[0x0112] = 1
    Image.effect_noise((40, 30), 60).save(colors / "val" / "red" / "upright.jpg", exif=exif)
    result = report(colors)
    assert (result.train.turned, result.validation.turned, result.warnings) == (0, 1, [])


def test_fewer_images_than_a_batch_are_a_warning(colors, monkeypatch):
    monkeypatch.setattr(check, "BATCH_SIZE", 12)
    assert report(colors).warnings == []
    monkeypatch.setattr(check, "BATCH_SIZE", 13)
    (warning,) = report(colors).warnings
    assert warning == "12 training images are fewer than a batch of 13; train with batches of at most 12"


def test_few_images_for_each_class_are_a_warning(colors):
    for path in colors.glob("train/*/0.jpg"):
        path.unlink()
    (warning,) = report(colors).warnings
    assert warning.startswith("3 training images for each class are few for a network that starts from random weights")
    assert warning.endswith("(fewer than 4); use the recipe 'transfer' and a file of trained weights")
    lines = cli("data", "check", "--data", colors).out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert warning in " ".join(map(str.strip, lines))
