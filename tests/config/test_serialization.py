"""Configurations check themselves and travel through JSON."""

import dataclasses
import json

import pytest

from alexnet_keras.config.recipes import RECIPES, recipe
from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Steps
from alexnet_keras.config.serialization import from_dict, to_dict
from alexnet_keras.system.errors import OptionError


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_know_their_names_and_fit_into_json(name):
    config = recipe(name)
    assert config.recipe == name
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_an_unknown_recipe_is_an_error():
    with pytest.raises(OptionError, match="`recipe` 'slow' is unknown; choose from quickstart"):
        recipe("slow")


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
    ],
)
def test_train_config_refuses_what_cannot_be(changes, message):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(recipe("quickstart"), **changes)


@pytest.mark.parametrize("schedule", [Cosine(warmup_epochs=2), Plateau(), Steps(boundaries=(3.0, 6.5)), Linear()])
def test_every_schedule_travels_through_json(schedule):
    config = dataclasses.replace(recipe("quickstart"), schedule=schedule, steps_per_epoch=3)
    values = json.loads(json.dumps(to_dict(config)))
    assert values["schedule"]["name"] == schedule.name
    assert from_dict(values) == config


def damaged(values, key, value):
    """A copy of a configuration in JSON with one value put in place, or with `...` taken away; `a.b` is nested."""
    *path, last = key.split(".")
    copy = json.loads(json.dumps(values))
    inner = copy
    for name in path:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copy


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("colour", 1, "config has an unknown key 'colour'"),
        ("recipe", ..., "config has no key 'recipe'"),
        ("epochs", "six", "config.epochs must be a whole number, got 'six'"),
        ("epochs", True, "config.epochs must be a whole number, got True"),
        ("epochs", 0, "config.epochs must be 1 to 1,000,000, got 0"),
        ("architecture", [], r"config.architecture must be an object, got \[\]"),
        ("architecture.name", ..., "config.architecture has no key 'name'"),
        ("architecture.depth", 8, "config.architecture has an unknown key 'depth'"),
        ("architecture.filters", 96, "config.architecture.filters must be a list, got 96"),
        ("architecture.filters", ["96"] * 5, r"config.architecture.filters\[0\] must be a whole number, got '96'"),
        ("schedule", "cosine", "config.schedule must be an object, got 'cosine'"),
        (
            "schedule.name",
            "line",
            "config.schedule.name is 'line', not one of cosine, plateau, steps, linear",
        ),
        ("schedule.patience", 2, "config.schedule has an unknown key 'patience'"),
    ],
)
def test_a_damaged_configuration_is_refused(key, value, message):
    with pytest.raises(OptionError, match=message):
        from_dict(damaged(to_dict(recipe("quickstart")), key, value))


def test_fields_of_earlier_versions_are_renamed_or_dropped():
    values = to_dict(recipe("original"))
    for old, new in (("colour_noise", "pca_noise"), ("colour_noise_epochs", "pca_noise_epochs")):
        values[old] = values.pop(new)
    assert from_dict({**values, "jit": "on"}) == recipe("original")


def test_a_run_from_before_a_switch_existed_has_its_default():
    values = to_dict(recipe("quickstart"))
    del values["architecture"]["lrn_layers"], values["layer_rates"]
    assert from_dict(values) == recipe("quickstart")


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Cosine, {"warmup_epochs": -1}, "`schedule` warmup_epochs must be 0 to 1,000,000, got -1"),
        (Plateau, {"divide_by": 1}, r"`schedule` divide_by must be in \(1, 1,000\], got 1"),
        (Plateau, {"reductions": -1}, "`schedule` reductions must be 0 to 100, got -1"),
        (Plateau, {"patience": 0}, "`schedule` patience must be 1 to 1,000,000, got 0"),
        (Plateau, {"threshold": 1.0}, r"`schedule` threshold must be in \[0, 1\), got 1.0"),
        (
            Steps,
            {"boundaries": (3, 2)},
            r"`schedule` boundaries must be at most 100 increasing numbers of epochs, got \(3, 2\)",
        ),
        (Steps, {"boundaries": (1,), "divide_by": 0.1}, "`schedule` divide_by must be in .*, got 0.1"),
        (
            LayerRate,
            {"epoch": -1, "layer": "conv1", "rate": 0.0},
            "`layer_rates` epoch must be 0 to 1,000,000, got -1",
        ),
        (
            LayerRate,
            {"epoch": 1, "layer": "conv1", "rate": -0.1},
            "`layer_rates` rate must be 0 to 1,000, got -0.1",
        ),
    ],
)
def test_schedules_refuse_what_cannot_be(kind, values, message):
    with pytest.raises(OptionError, match=message):
        kind(**values)
