"""Images without a split are divided by class, by a seed and by nothing else; those with one are not divided."""

import shutil
from collections import Counter

import numpy as np
import pytest
from support.class_folders import draw_classes, names_of

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError, OptionError


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
