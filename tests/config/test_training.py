"""A training configuration and its data set refuse values that cannot be, alone or together."""

import dataclasses

import pytest

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import DataSource
from alexnet_keras.system.errors import OptionError

CACHED = {"freeze": "conv5", "cache_features": True}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "`epochs` must be 1 to 1,000,000, got 0"),
        ({"batch_size": -3}, "`batch_size` must be 1 to 65,536, got -3"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` must be 1 to 1,000,000 or none, got 0"),
        ({"input_size": 66}, "`input_size` must be 67 to 256, from the smallest image that .*, got 66"),
        ({"learning_rate": float("nan")}, r"`learning_rate` must be a number, got nan"),
        ({"label_smoothing": 1.0}, r"`label_smoothing` must be in \[0, 1\), got 1.0"),
        ({"seed": -1}, "`seed` must be 0 to 2,147,483,647, got -1"),
        ({"momentum": 1.0}, r"`momentum` must be in \[0, 1\), got 1.0"),
        ({"weight_decay": -0.1}, "`weight_decay` must be 0 to 1,000, got -0.1"),
        (
            {"bias_learning_rate_multiplier": float("inf")},
            "`bias_learning_rate_multiplier` must be a number, got inf",
        ),
        ({"precision": "int8"}, "`precision` must be one of auto, float32, mixed_bfloat16, mixed_float16, got 'int8'"),
        ({"min_crop_area": 1.0}, r"`min_crop_area` must be in \[0.01, 1\) or none, got 1.0"),
        ({"min_crop_area": 0.0}, r"`min_crop_area` must be in \[0.01, 1\) or none, got 0.0"),
        ({"min_crop_area": 0.3, "augment": False}, "`min_crop_area` 0.3 makes random crops, which `augment=no` excl"),
        (
            {"small_input_size": 66, "small_fraction": 0.5},
            "`small_input_size` must be at least 67 and less than `input_size` 227, got 66",
        ),
        (
            {"small_input_size": 227, "small_fraction": 0.5},
            "less than `input_size` 227, got 227; choose another size, or set `small_input_size=none` and `small_frac",
        ),
        (
            {"small_input_size": 131},
            "`small_input_size` 131 and `small_fraction` 0 need each other; set both, or `small_input_size=none` and",
        ),
        ({"small_fraction": 0.5}, "`small_input_size` none and `small_fraction` 0.5 need each other"),
        (
            {"small_input_size": 131, "small_fraction": 0.5, **CACHED},
            "`freeze` conv5 with `cache_features` computes the features of each image once, and `small_input_size` 131 "
            "needs them of two sizes; choose `cache_features=no`, or `small_input_size=none` and",
        ),
        (
            {"min_crop_area": 0.3, **CACHED},
            "`min_crop_area` 0.3 changes the images in each epoch; choose `cache_features=no` or `min_crop_area=none`",
        ),
    ],
)
def test_train_config_refuses_what_cannot_be(changes, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(recipe("quickstart"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"freeze": "conv2"},
            "`freeze` conv2 freezes conv1, for which the recipe has a learning rate of its own; choose another recipe.",
        ),
    ],
)
def test_rates_of_layers_that_do_not_learn_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(recipe("original"), **changes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fold": "0/5"}, "`fold` must be a fold such as 2/5, of 2 to 100 folds or none, got '0/5'"),
        *(({"fold": fold}, "`fold` must be a fold such as") for fold in ("6/5", "1/1", "1/101", "x", "1/", "²/5", "")),
        ({"validation_split": 0.0}, r"`validation_split` must be in \(0, 1\) or none, got 0.0"),
        ({"validation_split": 1.0}, r"`validation_split` must be in \(0, 1\)"),
        (
            {"fold": "1/2", "validation_split": 0.5},
            "`fold` 1/2 and `validation_split` 0.5 exclude each other; omit one",
        ),
    ],
)
def test_wrong_divisions_are_refused(values, message):
    with pytest.raises(OptionError, match=message):
        DataSource(name="d", **values)


@pytest.mark.parametrize(("fraction", "epochs", "small"), [(0.75, 20, 15), (0.75, 13, 9), (0.29, 100, 29), (0.5, 1, 0)])
def test_the_first_epochs_have_small_images(fraction, epochs, small):
    values = {"small_input_size": 131, "small_fraction": fraction, "epochs": epochs}
    config = dataclasses.replace(recipe("quickstart"), **values)
    assert config.small_epochs == small
    assert [config.image_size(epoch) for epoch in range(epochs)] == [131] * small + [227] * (epochs - small)


def test_all_epochs_have_images_of_one_size_unless_told_otherwise():
    config = recipe("quickstart")
    assert (config.small_epochs, config.image_size(0), config.mean_area()) == (0, 227, 227**2)


def test_the_mean_area_is_that_of_the_epochs_that_are_left():
    values = {"small_input_size": 100, "small_fraction": 0.5, "epochs": 4}
    config = dataclasses.replace(recipe("quickstart"), **values, input_size=200)
    assert [config.mean_area(epoch) for epoch in (0, 1, 2, 4)] == [25_000, 30_000, 40_000, 40_000]


@pytest.mark.parametrize("freeze", ["none", "conv2", "conv4"])
def test_features_are_cached_only_if_all_convolutions_are_frozen(freeze):
    """Features of earlier layers are larger than the image, and random crops are worth more than they cost."""
    config = dataclasses.replace(recipe("transfer"), freeze=freeze, min_crop_area=0.5, pca_noise="paper")
    assert not config.caches_features(freeze)
    assert not config.crops(freeze)["centered"]


def test_layers_that_thaw_get_random_crops():
    config = dataclasses.replace(recipe("transfer"), freeze="conv5", freeze_epochs=2)
    assert config.cache_features
    assert [config.crops(config.frozen(epoch))["centered"] for epoch in (0, 1, 2)] == [True, True, False]
