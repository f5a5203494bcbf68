"""A schedule says in words what the learning rate does, and refuses numbers that make none."""

import pytest

from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Steps
from alexnet_keras.system.errors import OptionError


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Cosine(), "falls to 0 along a cosine"),
        (Cosine(warmup_epochs=2.5), "rises from 0 until epoch 2.5, then falls to 0 along a cosine"),
        (Linear(), "falls linearly to 0"),
        (Steps(boundaries=(25.0, 51.0)), "is divided by 10 after epoch 25, 51"),
        (
            Plateau(),
            "is divided by 10 when the validation error has not improved for 5 epochs, up to 3 times",
        ),
    ],
)
def test_a_schedule_in_words(schedule, words):
    assert schedule.meaning == words


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
