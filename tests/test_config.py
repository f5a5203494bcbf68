"""Configurations check themselves and travel through JSON."""

import dataclasses
import json

import pytest

from alexnet_keras.config import ARCHITECTURES, OptionError
from alexnet_keras.recipes import RECIPES, recipe


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_know_their_names_and_fit_into_json(name):
    config = recipe(name)
    assert config.recipe == name
    assert json.loads(json.dumps(dataclasses.asdict(config)))["architecture"]["initializer"] == "he_normal"


def test_an_unknown_recipe_is_an_error():
    with pytest.raises(OptionError, match="There is no recipe 'fast'; choose from quickstart"):
        recipe("fast")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": -3}, "batch_size must be at least 1, got -3"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be at least 1, got 0"),
        ({"input_size": 66}, "input_size must be 67 to 256, got 66"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive and finite, got nan"),
        ({"warmup_epochs": -1}, "warmup_epochs must not be negative"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\), got 1.0"),
        ({"seed": -1}, "seed must not be negative"),
        ({"precision": "int8"}, "precision must be one of auto, float32, mixed_bfloat16, mixed_float16, got 'int8'"),
    ],
)
def test_train_config_refuses_what_cannot_be(changes, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(recipe("quickstart"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"towers": 3}, "towers must be 1 or 2, got 3"),
        ({"filters": (96, 256)}, r"filters must be five numbers, conv1 to conv5, got \(96, 256\)"),
        ({"hidden_units": (1, 2, 3)}, "hidden_units must be two numbers"),
        ({"filters": (95, 256, 384, 384, 256)}, "Every width must be a positive multiple of towers=2, got 95"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"initializer": "ones"}, "initializer must be 'paper' or 'he_normal', got 'ones'"),
    ],
)
def test_architecture_refuses_what_cannot_be(changes, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(ARCHITECTURES["paper"], **changes)
