"""Folders as people have them: which images are taken, which are for validation, and what is said of the others."""

import os
import shutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support import NARROW, cli, only_error

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.image_files import SUFFIXES
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.sources import imagenet
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError, OptionError

NOISE = Image.effect_noise((20, 16), 60)


def draw(path: Path, kind: str = "PNG") -> Path:
    """Draw an image, which need not have the suffix of its kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    NOISE.save(path, kind)
    return path


def draw_classes(root: Path, count: int = 10, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    for name in names:
        for index in range(count):
            draw(root / name / f"{index}.png")
    return root


def names_of(split) -> set[str]:
    return {"/".join(Path(name).parts[-2:]) for name in split.names}


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return draw_classes(tmp_path_factory.mktemp("data") / "pets")


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


def test_the_division_depends_on_the_seed_and_on_nothing_else(pets, tmp_path):
    chosen = names_of(open_dataset(str(pets)).validation)
    moved = tmp_path / "moved"
    for path in sorted(pets.rglob("*.png"), reverse=True):  # another order on the disk, in another folder
        (moved / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name)
    assert names_of(open_dataset(str(moved)).validation) == chosen
    assert names_of(open_dataset(DataSource(name=str(pets), split_seed=1)).validation) != chosen
    half = open_dataset(DataSource(name=str(pets), validation_split=0.5))
    assert names_of(half.validation) > chosen
    assert (len(half.train), len(half.validation)) == (10, 10)


def test_each_image_is_for_validation_in_one_fold(tmp_path):
    root = draw_classes(tmp_path / "d", 7)
    folds = [open_dataset(DataSource(name=str(root), fold=f"{number}/3")) for number in (1, 2, 3)]
    assert folds[1].division == "fold 2 of 3 is for validation, split seed 0"
    held_out = Counter(name for fold in folds for name in fold.validation.names)
    assert set(held_out.values()) == {1}
    assert len(held_out) == 14
    for fold in folds:
        assert set(fold.train.names) | set(fold.validation.names) == held_out.keys()
        assert len(fold.train) + len(fold.validation) == 14
        assert set(np.bincount(fold.validation.labels)) <= {2, 3}
        assert len(fold.validation) in (4, 5)


def test_a_class_needs_images_for_both_splits(tmp_path):
    root = draw_classes(tmp_path / "d", 3)
    rare = draw_classes(root, 1, ("rare",)) / "rare"
    with pytest.raises(
        InputError, match="class 'rare' of .*d has 1 image.s., fewer than the 2 that a training and a val"
    ):
        _ = open_dataset(str(root)).train
    with pytest.raises(InputError, match="class 'rare' of .* fewer than the 5 that folds need; add images or remove"):
        _ = open_dataset(DataSource(name=str(root), fold="2/5")).train
    shutil.rmtree(rare)
    assert len(open_dataset(DataSource(name=str(root), validation_split=0.99)).train) == 2


def test_a_data_set_with_its_own_split_is_not_divided(folder):
    half = {"validation_split": 0.5}
    message = "`validation_split` 0.5: {} has its own validation images; omit `validation_split`{}"
    remedies = {
        str(folder): f", or pass {folder / 'train'} to divide its images",
        "shapes": "",
        "imagenet": "",
        "cifar10": ", or name two splits by `split`",
    }
    for name, remedy in remedies.items():
        with pytest.raises(OptionError) as error:
            open_dataset(DataSource(name=name, **half))
        assert str(error.value).startswith(message.format(name, remedy))
    with pytest.raises(OptionError, match="The data set no/folder: no such folder"):
        open_dataset(DataSource(name="no/folder", **half))
    with pytest.raises(OptionError, match="`columns` 'file=x': shapes is no table .* omit `columns`"):
        open_dataset(DataSource(name="shapes", columns="file=x"))


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


def test_images_lie_below_their_class_at_any_depth(tmp_path):
    root = draw_classes(tmp_path / "d", 2)
    draw(root / "cat" / "a" / "b" / "c.png")
    (root / "cat" / "a" / "loop").symlink_to(root / "cat")
    (root / "dog" / "linked").symlink_to(tmp_path / "elsewhere")
    draw(tmp_path / "elsewhere" / "1.png")
    dataset = open_dataset(str(root))
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    assert np.bincount(labels).tolist() == [3, 3]


def test_files_of_systems_are_skipped_in_silence(tmp_path):
    root = draw_classes(tmp_path / "d", 2)
    for name in ("__MACOSX/cat/._0.jpg", "@eaDir/x.png", ".ipynb_checkpoints/x.png", "lost+found/x.png"):
        draw(root / name)
        draw(root / "cat" / name)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.jpg"):
        (root / "cat" / name).write_bytes(b"\xff\xd8\xff")
    dataset = open_dataset(str(root))
    assert (len(dataset.train), len(dataset.validation), dataset.ignored_files()) == (2, 2, "")


def test_every_suffix_in_any_case_and_images_without_one_are_taken(tmp_path):
    root = draw_classes(tmp_path / "d", 2)
    kinds = {".bmp": "BMP", ".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}
    assert set(kinds) < set(SUFFIXES)
    for suffix in SUFFIXES:
        draw(root / "cat" / f"lower{suffix}", kinds.get(suffix, "JPEG"))
        draw(root / "cat" / f"upper{suffix.upper()}", kinds.get(suffix, "JPEG"))
    for name in ("photo", "photo.jpg_large", "photo.heic", "photo.jpg~"):
        draw(root / "cat" / name, "JPEG")
    dataset = open_dataset(str(root))
    assert len(dataset.train) + len(dataset.validation) == 4 + 2 * len(SUFFIXES) + 4
    assert not dataset.ignored


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
    assert "alexnet-keras train --recipe transfer" in result.out


def test_a_clean_folder_gives_no_warning(pets):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_data(str(pets), batch_size=4)


def test_a_folder_that_may_not_be_read(pets, monkeypatch):
    monkeypatch.setattr(os, "scandir", lambda folder: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(InputError, match=r"pets cannot be read \(Permission denied\); check its permissions"):
        open_dataset(str(pets))


def test_kaggles_imagenet_by_its_folder(tmp_path):
    tree = tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC"
    synset = imagenet.synsets()[7]
    draw(tree / "train" / synset / "1.JPEG", "JPEG")
    for number in (1, 3):
        draw(tree / "val" / f"ILSVRC2012_val_{number:08}.JPEG", "JPEG")
    dataset = open_dataset(str(tmp_path / "kaggle"))
    assert dataset.name == "imagenet"
    assert list(dataset.train.labels) == [7]
    official = [dataset.class_names[label] for label in dataset.validation.labels]
    assert official == ["n01751748", "n02105855"]
    table = tmp_path / "kaggle" / "LOC_val_solution.csv"
    lines = [
        "ImageId,PredictionString",
        "ILSVRC2012_val_00000003,n03995372 85 1 499 272",  # other labels than the official ones
        "ILSVRC2012_val_00000002,n03481172 131 0 499 254",
        "ILSVRC2012_val_00000001,n02108000 38 0 464 280 n02108000 1 1 9 9",
    ]
    table.write_text("\n".join(lines))
    for root in (tmp_path / "kaggle", tree):
        dataset = open_dataset(str(root))
        assert [dataset.class_names[label] for label in dataset.validation.labels] == ["n02108000", "n03995372"]
    table.write_text("\n".join(lines[:3]))
    with pytest.raises(InputError, match="val_00000001.JPEG has no label in .*LOC_val_solution.csv; move it away"):
        _ = open_dataset(str(root)).validation
    table.write_text("\n".join([*lines[:3], "ILSVRC2012_val_00000001,dog 38 0"]))
    with pytest.raises(InputError, match="LOC_val_solution.csv has 'dog' in line 4, which is none of the 1,000 c"):
        _ = open_dataset(str(root)).validation
    with pytest.raises(OptionError, match="`fold` 1/2: .*kaggle has its own validation images; omit `fold`"):
        open_dataset(DataSource(name=str(tmp_path / "kaggle"), fold="1/2"))


def test_tiny_imagenet_as_it_is_unzipped(tmp_path):
    root = tmp_path / "tiny-imagenet-200"
    for synset in ("n01443537", "n01629819"):
        draw(root / "train" / synset / "images" / f"{synset}_0.JPEG", "JPEG")
        (root / "train" / synset / f"{synset}_boxes.txt").write_text("")
    for index in range(3):
        draw(root / "val" / "images" / f"val_{index}.JPEG", "JPEG")
    draw(root / "test" / "images" / "test_0.JPEG", "JPEG")
    table = root / "val" / "val_annotations.txt"
    lines = [f"val_{index}.JPEG\tn0{(1443537, 1629819)[index % 2]}\t0\t32\t44\t62\n" for index in range(3)]
    table.write_text("".join(lines))
    dataset = open_dataset(str(root))
    assert dataset.class_names == ("n01443537", "n01629819")
    assert (list(dataset.train.labels), list(dataset.validation.labels)) == ([0, 1], [0, 1, 0])
    assert dataset.ignored_files() == "2 files are ignored (2 .txt): convert images among them to JPEG or PNG"
    table.write_text(lines[1])
    with pytest.raises(InputError, match="val_annotations.txt lacks the class 'n01443537'"):
        _ = open_dataset(str(root)).validation


def test_a_run_says_and_keeps_its_division(pets, tmp_path):
    run = tmp_path / "run"
    options = ("--epochs", 1, "--batch-size", 7, "--run", run, *NARROW, "--change", "towers=1")
    result = cli("train", "--data", pets, "--validation-split", 0.3, *options)
    assert result.code == 0, result.err
    said = " ".join(result.err.split())
    assert "14 training and 6 validation images of 2 classes; 0.3 of each class is for validation, split seed 0" in said
    assert "warning 7 training images for each class are few" in said
    assert "alexnet-keras train --recipe transfer --weights FILE" in said
    for data in ((), ("--data", pets)):
        assert cli("evaluate", run, *data, "--json").json["num_images"] == 6


def test_the_command_line_refuses_a_division_in_its_own_words(folder, pets):
    message = only_error(cli("train", "--data", folder, "--fold", "2/5"))
    assert f"--fold 2/5: {folder} has its own validation images; omit --fold, or pass {folder / 'train'}" in message
    for arguments in (["--fold", "2/1"], ["--fold", "1/2", "--validation-split", "0.5"]):
        assert cli("data", "check", "--data", pets, *arguments).code == 2
    assert cli("evaluate", "--validation-split", "1").code == 2
