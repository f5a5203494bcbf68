"""Every field of a configuration has a range, and hostile values of any kind end in one short message."""

import dataclasses
import json
import math
import typing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.properties import LONGEST, repeatable, unless_refused

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.assignments import parse_changes, parse_settings
from alexnet_keras.config.ranges import Count, Fraction, OneOf, Range, annotated_fields, check_fields
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.schedules import Cosine, LayerRate, Plateau, Steps
from alexnet_keras.config.serialization import from_dict, to_dict
from alexnet_keras.config.training import DataSource, TrainConfig
from alexnet_keras.config.variants import architecture
from alexnet_keras.system.errors import OptionError

MADE = {
    Architecture: architecture("paper"),
    TrainConfig: recipe("original"),
    Cosine: Cosine(),
    Plateau: Plateau(),
    Steps: Steps(boundaries=(1.0,)),
    LayerRate: LayerRate(epoch=1, layer="conv1", rate=0.1),
    DataSource: DataSource(name="shapes"),
}
FIELDS = [(kind, name) for kind in MADE for name in annotated_fields(kind)]
NO_NUMBERS = (math.nan, math.inf, -math.inf, -(10**20), 10**31, 10**400, 10**5000)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(NO_NUMBERS[:-1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def in_range(instance):
    """Return whether all numbers of a dataclass are in their ranges, found by another way than `check_fields`."""
    for name, kind in annotated_fields(type(instance)).items():
        value = getattr(instance, name)
        for number in value if isinstance(value, tuple) else (value,):
            ranges = [allowed for scalar, allowed in leaves(kind) if isinstance(number, scalar) and allowed]
            if ranges and not any(number in allowed for allowed in ranges):
                return False
    return True


def leaves(kind):
    """Yield (scalar type, range or `None`) of an annotated type."""
    if typing.get_origin(kind) is typing.Annotated:
        yield kind.__origin__, kind.__metadata__[0]
    elif typing.get_args(kind):
        for member in typing.get_args(kind):
            yield from leaves(member) if member is not ... else ()
    else:
        yield kind, None


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_every_number_has_a_range_and_refuses_what_is_none(kind, name):
    found = list(leaves(annotated_fields(kind)[name]))
    for scalar, allowed in found:
        if scalar in (int, float):
            assert isinstance(allowed, Range), f"{kind.__name__}.{name} needs a range"
            assert -math.inf < allowed.low < allowed.high < math.inf
    for value in (*NO_NUMBERS, object(), [[[]]]):
        with pytest.raises(OptionError, match=rf"`{'|'.join(['schedule', 'layer_rates', name])}`? .*, got ") as error:
            dataclasses.replace(MADE[kind], **{name: value})
        assert len(str(error.value)) < LONGEST


def test_ranges_and_names():
    assert [value in Range(1, 2) for value in (0, 1, 2, 3, math.nan)] == [False, True, True, False, False]
    ends = [value in Range(1, 2, low_open=True, high_open=True) for value in (1, 1.5, 2)]
    assert ends == [False, True, False]
    assert (
        f"{Range(1, 2_000)}; {Range(0, 1, high_open=True)}; {OneOf(('a', 'b'))}" == "1 to 2,000; in [0, 1); one of a, b"
    )


@dataclasses.dataclass
class Example:
    switch: bool = True
    count: Count | None = None
    parts: tuple[Fraction, ...] = ()
    text: str = ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"switch": 1}, "`switch` must be yes or no, got 1."),
        ({"count": True}, "`count` must be a whole number or none, got True."),
        ({"count": 2.0}, "`count` must be a whole number or none, got 2.0."),
        ({"count": 0}, "`count` must be 1 to 1,000,000 or none, got 0."),
        ({"parts": 0.5}, "`parts` must be a list, got 0.5."),
        ({"parts": (0, "b")}, r"`parts` must be a number, got \(0, 'b'\)."),
        ({"text": None}, "`text` must be text, got None."),
        ({"text": 10**5000}, "`text` must be text, got a very large int."),
    ],
)
def test_types_and_ranges_are_checked(changes, message):
    check_fields(Example(count=3, parts=[0, 0.5]))
    with pytest.raises(OptionError, match=message):
        check_fields(Example(**changes))


@repeatable
@given(st.data(), HOSTILE)
def test_a_hostile_value_in_json_is_refused_or_has_its_range(data, value):
    values = json.loads(json.dumps(to_dict(recipe("original"))))
    inner = data.draw(st.sampled_from([values, values["architecture"], values["schedule"], values["layer_rates"][0]]))
    inner[data.draw(st.sampled_from(list(inner)))] = value
    config = unless_refused(lambda: from_dict(values))
    assert config is None or from_dict(json.loads(json.dumps(to_dict(config)))) == config


WORDS = (
    st.text()
    | st.from_regex("[-+.\\d\u0660-\u0669e_]{1,9}(,[-+.\\d]{1,5}){0,4}", fullmatch=True)
    | st.sampled_from(
        [
            "",
            "nan",
            "-inf",
            "1e999",
            "9" * 10_000,
            "x" * 1_000_000,
            "steps:boundaries=nan,2",
            "plateau:patience=1e5",
            "\u0661\u0662",
        ]
    )
)


@repeatable
@given(st.sampled_from(list(annotated_fields(Architecture))), WORDS)
def test_a_hostile_change_is_refused_or_has_its_range(name, text):
    changed = unless_refused(lambda: architecture("paper", **parse_changes([f"{name}={text}"])))
    assert changed is None or in_range(changed)


@repeatable
@given(st.sampled_from(list(annotated_fields(TrainConfig))), WORDS)
@example("schedule", "steps:boundaries=" + ",".join(map(str, range(1, 500))))
def test_a_hostile_setting_is_refused_or_has_its_range(name, text):
    config = unless_refused(lambda: dataclasses.replace(recipe("quickstart"), **parse_settings([f"{name}={text}"])))
    assert config is None or in_range(config)
