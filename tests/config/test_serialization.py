"""Configurations travel through JSON, and damaged ones are refused."""

import dataclasses
import json

import pytest

from alexnet_keras.config.recipes import RECIPES, recipe
from alexnet_keras.config.schedules import Cosine, Linear, Plateau, Steps
from alexnet_keras.config.serialization import from_dict, to_dict
from alexnet_keras.system.errors import OptionError


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_know_their_names_and_fit_into_json(name):
    config = recipe(name)
    assert config.recipe == name
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


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
