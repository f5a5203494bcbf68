"""The words of the command line give the configuration that they were made of."""

import dataclasses
import shlex

import pytest
from support import cli

from alexnet_keras.cli import train
from alexnet_keras.config.command_line import data_words, in_words, train_words
from alexnet_keras.config.recipes import RECIPES, recipe, with_network
from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Steps
from alexnet_keras.config.training import DataSource

QUICK = recipe("quickstart")
CONFIGS = [
    *(recipe(name) for name in RECIPES),
    recipe("original", 13),
    with_network(recipe("quickstart", 8), "owt", filters=(16, 32, 48, 48, 32), lrn_layers=(), towers_meet=False),
    with_network(recipe("paper"), "caffe", dropout=0.3),
    with_network(recipe("quickstart"), None, width=0.5),
    dataclasses.replace(QUICK, seed=7, deterministic=True, precision="float32", momentum=1 / 3, upright=False),
    dataclasses.replace(QUICK, data="a folder", validation_split=0.1, split_seed=2, batch_size=32, learning_rate=1e-3),
    dataclasses.replace(QUICK, schedule=Plateau(patience=3), pca_noise="paper", pca_noise_epochs=4, steps_per_epoch=9),
    dataclasses.replace(recipe("paper"), pca_noise=None, schedule=Steps(boundaries=(25.0, 51.5)), epochs=99),
    dataclasses.replace(QUICK, schedule=Linear(), layer_rates=(LayerRate(epoch=2.5, layer="fc6", rate=0.0),)),
    dataclasses.replace(recipe("transfer"), weights="/a b.npz", freeze="conv5", freeze_epochs=2),
    dataclasses.replace(recipe("transfer"), weights="/a b.npz", freeze="none", min_crop_area=0.5),
    dataclasses.replace(QUICK, schedule=Cosine(), min_crop_area=0.08),
    with_network(recipe("fast", 12), "owt"),
    # no longer agrees with the recipe's small images, so all changes have to be made at once
    with_network(
        dataclasses.replace(recipe("fast"), small_input_size=None, small_fraction=0.0), None, input_size=131, width=0.5
    ),
]


class StopError(Exception):
    """Stops `train` before it trains."""


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: train_words(config)[:60])
def test_train_reads_what_it_wrote(config, monkeypatch):
    found = []

    def stop(config, run, **options):
        found.append(config)
        raise StopError

    monkeypatch.setattr(train, "run_training", stop)
    monkeypatch.setattr("alexnet_keras.cli.options.load_tensorflow", lambda **_: None)
    monkeypatch.setattr("alexnet_keras.data.sources.tfds_library.check_available", lambda source: None)
    monkeypatch.setattr("alexnet_keras.training.options.RunOptions.check", lambda self, config: None)
    with pytest.raises(StopError):
        cli("train", *shlex.split(train_words(config)))
    assert found == [config]


def test_changes_are_written_as_the_command_line_takes_them():
    config = dataclasses.replace(QUICK, min_crop_area=0.35, schedule=Cosine(), seed=3)
    settings = "schedule=cosine:warmup_epochs=0, min_crop_area=0.35"
    assert in_words(config, but=("seed",)) == (f"quickstart with {settings}", "paper")
    assert in_words(with_network(QUICK, "caffe", dropout=0.3))[1] == "caffe with dropout=0.3, initializer=he_normal"
    assert in_words(dataclasses.replace(QUICK, recipe="mine")) == ("mine", "paper with initializer=he_normal")


def test_a_recipe_leaves_out_what_it_says_anyway():
    assert train_words(recipe("paper")) == "--data imagenet --recipe paper"
    assert train_words(with_network(QUICK, None, width=0.5)).endswith("--recipe quickstart --width 0.5")
    assert train_words(recipe("paper", 45)) == "--data imagenet --recipe paper --epochs 45"
    assert train_words(dataclasses.replace(recipe("paper"), deterministic=True)).endswith(
        "--recipe paper --deterministic"
    )


def test_unknown_recipes_and_variants_have_no_command():
    assert train_words(dataclasses.replace(QUICK, recipe="of another version")) == ""
    network = dataclasses.replace(QUICK.architecture, name="mine")
    assert train_words(dataclasses.replace(QUICK, architecture=network)) == ""


def test_the_commands_that_repeat_a_choice_name_it():
    assert data_words(DataSource(name="d", upright=False, split_seed=1)) == "--data d --split-seed 1 --no-upright"
    assert data_words(DataSource(name="d")) == "--data d"
