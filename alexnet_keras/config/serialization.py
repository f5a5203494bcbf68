"""Configurations to and from JSON, including those of earlier versions."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from alexnet_keras.config.ranges import annotated_fields, wanted
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.system.errors import check
from alexnet_keras.system.terminal_text import brief, printable

# Fields of earlier versions -> their present names
RENAMED = {"colour_noise": "pca_noise", "colour_noise_epochs": "pca_noise_epochs", "colours": "colors"}
CONFIG = "config.json"  # of a run: the whole configuration, and what was measured before training
# Fields whose default is not what a run did before they existed.
BEFORE = {"upright": False}
REMOVED = ("jit",)  # fields of earlier versions that decide nothing any more


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Convert a configuration to JSON values; its schedule has the key `name`."""
    return {**dataclasses.asdict(config), "schedule": {"name": config.schedule.name, **vars(config.schedule)}}


def from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """Read a configuration that `to_dict` of this or an earlier version wrote; missing fields get their defaults."""
    values = {key: value for key, value in {**BEFORE, **values}.items() if key not in REMOVED}
    config: TrainConfig = build(TrainConfig, values, "config")
    return config


def build(kind: Any, values: Any, where: str) -> Any:
    """Build a value of an annotated type from JSON.

    The types are scalars, tuples and lists, dictionaries, dataclasses, and unions of named dataclasses.

    Args:
        where: the name of the value in errors.
    """
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        if values is None and len(members) < len(typing.get_args(kind)):
            return None
        if len(members) == 1:
            return build(members[0], values, where)
        check(isinstance(values, Mapping), f"{where} must be an object, got {brief(values)}.")
        named = {member.name: member for member in members}
        name = values.get("name")
        check(isinstance(name, str) and name in named, f"{where}.name is {brief(name)}, not one of {', '.join(named)}.")
        return build(named[name], {key: values[key] for key in values if key != "name"}, where)
    if kind is Any:
        return values
    if typing.get_origin(kind) is dict:
        check(isinstance(values, Mapping), f"{where} must be an object, got {brief(values)}.")
        member = typing.get_args(kind)[1]
        return {key: build(member, value, f"{where}.{printable(key)}") for key, value in values.items()}
    if typing.get_origin(kind) in (tuple, list):
        check(isinstance(values, list | tuple), f"{where} must be a list, got {brief(values)}.")
        member = typing.get_args(kind)[0]
        return typing.get_origin(kind)(build(member, value, f"{where}[{index}]") for index, value in enumerate(values))
    if dataclasses.is_dataclass(kind):
        check(isinstance(values, Mapping), f"{where} must be an object, got {brief(values)}.")
        values = {RENAMED.get(key, key): value for key, value in values.items()}
        values = {**_defaults(kind), **values}  # a run from before a field existed has its default
        fields = annotated_fields(kind)
        for key in sorted(set(fields) ^ set(values)):
            check(False, f"{where} has {'no' if key in fields else 'an unknown'} key {brief(key)}.")
        make: Any = kind
        return make(**{name: build(fields[name], values[name], f"{where}.{name}") for name in fields})
    needed = wanted(kind, values)
    check(not needed, f"{where} must be {needed}, got {brief(values)}.")
    return values


def _defaults(kind: Any) -> dict[str, Any]:
    missing, fields = dataclasses.MISSING, dataclasses.fields(kind)
    made = {field.name: field.default_factory() for field in fields if field.default_factory is not missing}
    return {**made, **{field.name: field.default for field in fields if field.default is not missing}}
