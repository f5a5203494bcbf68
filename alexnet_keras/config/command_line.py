"""Settings in words: what names a data set or repeats a training on the command line, and what a run has changed."""

import dataclasses
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from alexnet_keras.config.recipes import RECIPES, network_of, recipe
from alexnet_keras.config.schedules import Schedule
from alexnet_keras.config.training import CHOSEN_BY_NAME, SOURCE_FIELDS, STORED_SIZE, DataSource, TrainConfig
from alexnet_keras.config.variants import ARCHITECTURES

# Fields with an option of their own; the others are set with --set NAME=VALUE.
OPTIONS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "pca_noise",
    "weights",
    "freeze",
    "seed",
    "precision",
    "deterministic",
)
ELSEWHERE = (*CHOSEN_BY_NAME, "data", *SOURCE_FIELDS)  # fields that have words of their own


def data_words(source: DataSource, stored_size: int = STORED_SIZE) -> str:
    """Return the options that name a data set, as a shell takes them; without an option, `stored_size` applies."""
    values = {"data": source.name, **source.options()}
    upright = values.pop("upright")
    if source.stored_size == stored_size:
        del values["stored_size"]
    given = {name: value for name, value in values.items() if value not in (None, 0)}
    words = [word for name, value in given.items() for word in (_option(name), str(value))]
    return shlex.join(words if upright else [*words, "--no-upright"])


def train_words(config: TrainConfig) -> str:
    """Return the options of `train` that give a configuration, as a shell takes them.

    They leave out what the recipe says anyway. If the recipe or the variant is unknown, there are none.
    """
    network = config.architecture
    if config.recipe not in RECIPES or network.name not in ARCHITECTURES:
        return ""
    base, words = recipe(config.recipe), ["--recipe", config.recipe]
    named = base.architecture
    if network.name != named.name:
        named, words = network_of(base, network.name), [*words, "--variant", network.name]
    changed = list(_differences(network, named))
    for name, value in changed:
        words += ["--width", as_word(value)] if name == "width" else ["--change", f"{name}={as_word(value)}"]
    expected = vars(recipe(config.recipe, config.epochs)) | {"epochs": base.epochs}
    if network != base.architecture:
        expected["input_size"] = network.input_size
    for name, value in vars(config).items():
        if value == expected[name]:
            continue
        if name in OPTIONS:
            words += [_option(name)] if value is True else [_option(name), as_word(value)]
        elif name not in ELSEWHERE:
            words += ["--set", f"{name}={as_word(value)}"]
    return f"{data_words(config.source, base.stored_size)} {shlex.join(words)}"


def in_words(config: TrainConfig, but: Sequence[str] = ()) -> tuple[str, str]:
    """Name the recipe and the variant, each with the fields in which a configuration differs from it.

    Args:
        but: fields of the configuration that are left out.
    """
    base = recipe(config.recipe) if config.recipe in RECIPES else None
    network = base.architecture if base else None
    if network is None or network.name != config.architecture.name:
        network = ARCHITECTURES.get(config.architecture.name)
    recipe_changes = _listed(config, base, (*ELSEWHERE, *but))
    return config.recipe + recipe_changes, config.architecture.name + _listed(config.architecture, network)


def _listed(value: Any, base: Any, but: Sequence[str] = ()) -> str:
    differences = [] if base is None else _differences(value, base)
    words = ", ".join(f"{name}={as_word(changed)}" for name, changed in differences if name not in but)
    return words and f" with {words}"


def as_word(value: Any) -> str:
    """Return a value as `parse_settings` and `parse_changes` take it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(as_word, value))
    if dataclasses.is_dataclass(value):
        fields = (f"{field.name}={as_word(getattr(value, field.name))}" for field in dataclasses.fields(value))
        return ":".join([*([value.name] if isinstance(value, Schedule) else []), *fields])
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _differences(value: Any, base: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        if getattr(value, field.name) != getattr(base, field.name):
            yield field.name, getattr(value, field.name)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
