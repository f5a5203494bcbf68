"""The values that a field of a configuration may have: part of its annotated type, and checked by one function."""

import dataclasses
import sys
import types
import typing
from typing import Annotated, Any

from alexnet_keras.system.errors import check
from alexnet_keras.system.terminal_text import brief


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; an open end is not one of them. NaN is in no range."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low < value if self.low_open else self.low <= value
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        if self.low_open or self.high_open:
            return f"in {'(' if self.low_open else '['}{self.low:,}, {self.high:,}{')' if self.high_open else ']'}"
        return f"{self.low:,} to {self.high:,}"


@dataclasses.dataclass(frozen=True)
class OneOf:
    """A few names."""

    names: tuple[str, ...]

    def __contains__(self, value: str) -> bool:
        return value in self.names

    def __str__(self) -> str:
        return f"one of {', '.join(self.names)}"


@dataclasses.dataclass(frozen=True)
class PathText:
    """Text that file systems, TensorFlow and JSON take as a path."""

    def __contains__(self, value: str) -> bool:
        try:
            encoded = value.encode()
        except UnicodeEncodeError:  # Python represents other bytes by halves of surrogate pairs
            return False
        return 0 < len(encoded) < 4096 and b"\0" not in encoded and max(map(len, encoded.split(b"/"))) < 256

    def __str__(self) -> str:
        return "a path in UTF-8, of at most 255 bytes between two slashes and 4,095 in all"


@dataclasses.dataclass(frozen=True)
class FoldText:
    """Text such as `2/5`: the second of five folds."""

    def __contains__(self, value: str) -> bool:
        number, _, count = value.partition("/")
        return all(part.isdecimal() and len(part) < 4 for part in (number, count)) and (
            1 <= int(number) <= int(count) and 2 <= int(count) <= MOST_FOLDS
        )

    def __str__(self) -> str:
        return f"a fold such as 2/5, of 2 to {MOST_FOLDS} folds"


MOST_FOLDS = 100
# Each upper limit is larger than any useful value, and small enough to avoid overflow and to fit into memory.
MOST_CHANGES = 100  # of a learning rate in one run: with the largest divisor, 1,000, its quotient is a float
Count = Annotated[int, Range(1, 1_000_000)]
BatchSize = Annotated[int, Range(1, 65_536)]  # twice the largest that trained an AlexNet, arXiv:1708.03888
CallSize = Annotated[int, Range(1, 64)]  # images in one call of a TFLite file; more need gigabytes on the device
Jobs = Annotated[int, Range(1, 1_024)]  # images that are decoded at the same time
Epoch = Annotated[float, Range(0, 1_000_000)]
Index = Annotated[int, Range(0, 2**31 - 1)]
Fraction = Annotated[float, Range(0, 1, high_open=True)]
MapSize = Annotated[int, Range(1, 3_000)]  # images on a map of features, which are all in memory
FigureWidth = Annotated[int, Range(200, 10_000)]  # of a .png file, in pixels
Port = Annotated[int, Range(0, 65_535)]  # of TCP
Minutes = Annotated[float, Range(0, 1_000_000)]
Factor = Annotated[float, Range(0, 1_000)]
Positive = Annotated[float, Range(0, 1_000, low_open=True)]
Rate = Annotated[float, Range(0, 1e30, low_open=True)]  # finite in float32; the loss tells what is too high
Name = Annotated[str, PathText()]
Fold = Annotated[str, FoldText()]
OpenFraction = Annotated[float, Range(0, 1, low_open=True, high_open=True)]
Divisor = Annotated[float, Range(1, 1_000, low_open=True)]

DESCRIPTIONS = {int: "a whole number", float: "a number", bool: "yes or no", str: "text", type(None): "none"}


def check_fields(instance: Any, owner: str = "") -> None:
    """Check that every field of a dataclass has a value of its annotated type, within the range of that type.

    Args:
        owner: name of the argument that holds this instance, for messages. Empty if its fields are arguments.
    """
    for name, kind in annotated_fields(type(instance)).items():
        check_value(f"`{owner}` {name}" if owner else f"`{name}`", kind, getattr(instance, name))


def check_value(argument: str, kind: Any, value: Any) -> None:
    """Check that an argument has a value of an annotated type, or raise `OptionError`."""
    needed = wanted(kind, value)
    check(not needed, f"{argument} must be {needed}, got {brief(value)}.")


def annotated_fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def wanted(kind: Any, value: Any) -> str:
    """Describe the values of an annotated type, or return "" if `value` is one of them."""
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return wanted(members[0], value) or ("" if value in members[1] else str(members[1]))
    if origin in (types.UnionType, typing.Union):
        needed = [wanted(member, value) for member in members]
        return "" if "" in needed else " or ".join(needed)
    if origin is tuple:
        needed = [wanted(members[0], member) for member in value] if isinstance(value, list | tuple) else ["a list"]
        return next(filter(None, needed), "")
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if fits and kind in (int, float):
        fits = abs(value) <= sys.float_info.max  # not NaN
    return "" if fits else DESCRIPTIONS.get(kind, f"a {kind.__name__}")
