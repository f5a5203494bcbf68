"""A dry run: its counts follow arithmetic, and its measurements are positive."""

import dataclasses
import re

import pytest
from support import cli, only_error

from alexnet_keras.benchmark.train import network_to_train, training_operations
from alexnet_keras.config.recipes import recipe

NARROW = ["--change", "filters=8,8,8,8,8", "--change", "hidden_units=16,16", "--precision", "float32"]
SMALL = [*NARROW, "--change", "towers=1", "--change", "input_size=67"]


def test_imagenet_need_not_be_there(tmp_path):
    result = cli(
        "train", "--recipe", "paper", "--data-dir", tmp_path, "--batch-size", 8, *NARROW, "--dry-run", "--json"
    )
    assert result.code == 0, result.err
    plan = result.json
    assert (plan["data"], plan["data_found"], plan["at_most"], plan["epochs"]) == ("imagenet", False, True, 90)
    assert (plan["train_images"], plan["validation_images"]) == (1_281_167, 50_000)
    assert plan["steps"] == 90 * plan["steps_per_epoch"] == 90 * 160_146  # 1,281,167 / 8, rounded up
    assert plan["images"] == 115_305_030
    # conv1 to fc8 with 8 channels in two towers; conv1's input needs no gradient
    conv1 = 55 * 55 * 363 * 8
    others = 27 * 27 * 25 * 4 * 8 + 13 * 13 * 9 * (8 + 4 + 4) * 8 + 36 * 8 * 16 + 16 * 16 + 16 * 1000
    training, forward = 2 * (2 * conv1 + 3 * others), 2 * (conv1 + others)
    assert plan["operations"] == training * 115_305_030 + forward * 90 * 50_000
    assert plan["bytes_read"] == 28_000 * 90 * 1_331_167
    assert plan["images_read_per_second"] is None
    seconds = (115_305_030 + 4_500_000 * forward / training) / plan["images_per_second"]
    assert plan["hours"] == pytest.approx(seconds / 3600, rel=0.01)


def test_data_that_are_there_are_counted_and_read(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    options = ["--data", folder, "--batch-size", 5, "--epochs", 3, *SMALL, "--dry-run"]
    plan = cli("train", *options, "--json").json
    assert (plan["data_found"], plan["train_images"], plan["validation_images"]) == (True, 12, 9)
    assert (plan["steps_per_epoch"], plan["steps"], plan["images"]) == (3, 9, 36)
    assert plan["bytes_read"] == pytest.approx(sum(stored), rel=0.2)  # once: they fit in memory
    assert plan["images_read_per_second"] > 0
    text = cli("train", *options).out
    assert "recipe           quickstart with input_size=67, batch_size=5, epochs=3, precision=float32\n" in text
    assert "variant          paper with input_size=67, towers=1, filters=8,8,8,8,8, hidden_units=16,16\n" in text
    assert "9: 3 in each epoch, of 5 images each" in text
    assert "images/s in float32, measured" in text
    assert list(tmp_path.iterdir()) == []  # a dry run writes nothing


def test_small_images_count_by_their_area(folder):
    """In half of the epochs, images have 67 * 67 of 99 * 99 pixels; all are validated with 99 * 99."""
    options = ["--data", folder, "--batch-size", 5, "--epochs", 4, *NARROW, "--change", "input_size=99", "--dry-run"]
    small = ["--set", "small_input_size=67", "--set", "small_fraction=0.5"]
    large, mixed = (cli("train", *options, *more, "--json").json for more in ([], small))
    config = dataclasses.replace(recipe("quickstart").architecture, filters=(8,) * 5, hidden_units=(16, 16))
    step = training_operations(network_to_train(config, 3, 99, "float32"))
    saved = 4 * 12 * step * (1 - (67**2 + 99**2) / (2 * 99**2))
    assert large["operations"] - mixed["operations"] == pytest.approx(saved, abs=1)


def test_frozen_layers_are_said_to_take_less(folder, tmp_path):
    weights = tmp_path / "weights.npz"
    weights.touch()  # a dry run does not read it
    options = ["--recipe", "transfer", "--weights", weights, "--data", folder, "--batch-size", 5, *SMALL, "--dry-run"]
    plans = {
        freeze: cli("train", *options, "--json", "--freeze", freeze, *more).json
        for freeze, more in {"none": [], "conv2": [], "conv4": [], "conv5": ["--set", "freeze_epochs=1"]}.items()
    }
    assert not any(plans[freeze]["frozen_once"] for freeze in ("none", "conv2", "conv4"))
    assert plans["none"]["operations"] > plans["conv2"]["operations"] > plans["conv4"]["operations"]
    assert plans["conv5"]["operations"] == plans["none"]["operations"]  # layers that thaw are not said to save any
    options += ["--freeze", "conv5"]
    assert cli("train", *options, "--json").json["frozen_once"]
    assert "less, because the features of frozen layers are computed once" in cli("train", *options).out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variant", "paper", "--change", "depth=8"], "There is no field 'depth'"),
        (["--change", "towers=3"], "towers must be 1 to 2, got 3"),
    ],
)
def test_networks_that_cannot_be_are_refused_before_any_work(options, message, folder, tmp_path):
    result = cli("train", "--data", folder, "--run", tmp_path / "run", *options)
    assert result.code == 2
    assert message in only_error(result)


def test_a_run_does_not_go_on_with_another_network(run):
    for options, message in (
        (["--variant", "caffe"], "--variant caffe contradicts the run .*, which has paper; omit it"),
        (["--change", "activation=tanh"], "--change activation=tanh contradicts the run .*, which has relu"),
        (["--dry-run"], "--resume and --dry-run exclude each other"),
    ):
        result = cli("train", "--run", run, "--resume", *options)
        assert result.code == 2
        assert re.search(message, only_error(result))
