"""Changes to a configuration as a user types them: words of the form `NAME=VALUE`."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.ranges import DESCRIPTIONS
from alexnet_keras.config.training import CHOSEN_BY_NAME, TrainConfig
from alexnet_keras.system.errors import OptionError, check, remedy_of_name
from alexnet_keras.system.terminal_text import brief


def parse_changes(words: Sequence[str]) -> dict[str, Any]:
    """Parse changes to an `Architecture`, such as `activation=tanh`, `lrn_layers=1,2` or `lrn_layers=none`."""
    return _parse_fields(Architecture, words, excluded=("name",))


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """Parse changes to a `TrainConfig`, such as `momentum=0.95`, `steps_per_epoch=none` or `deterministic=yes`.

    A value with fields of its own lists them after colons: `schedule=plateau:patience=3:reductions=2`,
    `layer_rates=layer=conv1:epoch=67:rate=0`.
    """
    return _parse_fields(TrainConfig, words, excluded=CHOSEN_BY_NAME)


def _parse_fields(kind: Any, words: Sequence[str], excluded: Sequence[str] = ()) -> dict[str, Any]:
    kinds = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.name not in excluded]
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        check(bool(equals), f"{brief(word)} is not an assignment; write NAME=VALUE.")
        check(name in names, f"There is no field {brief(name)}; {remedy_of_name(name, names)}")
        values[name] = _parse(kinds[name], text, name)
    return values


def _parse(kind: Any, text: str, name: str) -> Any:
    """Parse a value of an annotated type: scalars, tuples, optional values, dataclasses and unions of named ones."""
    members = typing.get_args(kind)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        if type(None) in members:
            return None if text == "none" else _parse(members[0], text, name)
        named = {member.name: member for member in members}
        chosen, *words = text.split(":")
        check(chosen in named, f"`{name}` must be one of {', '.join(named)}, got {brief(chosen)}.")
        return _build(named[chosen], words, name)
    if typing.get_origin(kind) is tuple:
        return () if text == "none" else tuple(_parse(members[0], part, name) for part in text.split(","))
    if dataclasses.is_dataclass(kind):
        return _build(kind, text.split(":"), name)
    try:
        return {"yes": True, "no": False}[text] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise OptionError(f"`{name}` must be {DESCRIPTIONS[kind]}, got {brief(text)}.") from error


def _build(kind: Any, words: Sequence[str], name: str) -> Any:
    required = [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
    values = _parse_fields(kind, words)
    missing = [field for field in required if field not in values]
    check(not missing, f"`{name}` lacks {', '.join(missing)}; append :NAME=VALUE for each.")
    return kind(**values)
