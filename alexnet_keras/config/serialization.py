"""Configurations to and from JSON, including those of earlier versions."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.system.errors import check

# Fields of earlier versions -> their present names
RENAMED = {"colour_noise": "pca_noise", "colour_noise_epochs": "pca_noise_epochs", "colours": "colors"}
REMOVED = ("jit",)  # fields of earlier versions that decide nothing any more


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Convert a configuration to JSON values; its schedule has the key `name`."""
    return {**dataclasses.asdict(config), "schedule": {"name": config.schedule.name, **vars(config.schedule)}}


def from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """Read a configuration that `to_dict` of this or an earlier version wrote; fields that it lacks get their defaults.

    Raises:
        OptionError: a key is unknown or missing, or a value is of the wrong type or out of its range.
    """
    values = {key: value for key, value in values.items() if key not in REMOVED}
    config: TrainConfig = build(TrainConfig, values, "config")
    return config


def build(kind: Any, values: Any, where: str) -> Any:
    """Build a value of an annotated type from JSON: a scalar, a tuple, a dataclass or a union of named dataclasses.

    Args:
        kind: the type.
        values: the JSON value.
        where: the name of the value in errors.

    Raises:
        OptionError: the value does not have the type, or the dataclass rejects it.
    """
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        if values is None and len(members) < len(typing.get_args(kind)):
            return None
        if len(members) == 1:
            return build(members[0], values, where)
        check(isinstance(values, Mapping), f"{where} must be an object, got {values!r}.")
        named = {member.name: member for member in members}
        check(values.get("name") in named, f"{where}.name is {values.get('name')!r}, not one of {', '.join(named)}.")
        return build(named[values["name"]], {key: values[key] for key in values if key != "name"}, where)
    if typing.get_origin(kind) is tuple:
        check(isinstance(values, list | tuple), f"{where} must be a list, got {values!r}.")
        member = typing.get_args(kind)[0]
        return tuple(build(member, value, f"{where}[{index}]") for index, value in enumerate(values))
    if dataclasses.is_dataclass(kind):
        check(isinstance(values, Mapping), f"{where} must be an object, got {values!r}.")
        values = {RENAMED.get(key, key): value for key, value in values.items()}
        values = {**_defaults(kind), **values}  # a run from before a field existed has its default
        fields = typing.get_type_hints(kind)
        names = {field.name for field in dataclasses.fields(kind)}
        for key in sorted(names ^ set(values)):
            check(False, f"{where} has {'no' if key in names else 'an unknown'} key {key!r}.")
        make: Any = kind
        return make(**{name: build(fields[name], values[name], f"{where}.{name}") for name in sorted(names)})
    if kind is float and isinstance(values, int) and not isinstance(values, bool):
        return values
    check(type(values) is kind, f"{where} must be of type {kind.__name__}, got {values!r}.")
    return values


def _defaults(kind: Any) -> dict[str, Any]:
    given = [field for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING]
    return {field.name: field.default for field in given}
