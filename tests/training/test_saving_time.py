"""When a checkpoint is worth its time."""

import time

import pytest

from alexnet_keras.training.saving_time import SavingTime


@pytest.fixture
def clock(monkeypatch):
    """The seconds of a clock that only the test moves."""
    seconds = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    return seconds


def test_the_cost_of_the_first_checkpoint_is_estimated_from_its_size(clock):
    assert SavingTime(5, 1).cost == 1.5 * 4 / 200e6  # one float32, and once more in half of the values
    saving = SavingTime(5, 100_000_000)
    assert saving.cost == pytest.approx(3)
    clock[0] += 79.9
    assert not saving.allows_checkpoint  # 3 s now and 1 s at the end are 5% of 80 s
    clock[0] += 0.2
    assert saving.allows_checkpoint


def test_a_checkpoint_is_due_after_its_minutes_without_one(clock):
    saving = SavingTime(5, 1)
    clock[0] += 299
    assert not saving.is_due
    clock[0] += 1
    assert saving.is_due
    saving.add(clock[0] - 2)
    assert (saving.is_due, saving.cost, saving.spent) == (False, 2, 2)
    clock[0] += 300
    assert saving.is_due


def test_all_saving_counts(clock):
    saving = SavingTime(5, 1)
    for seconds in (2, 4):
        clock[0] += seconds
        saving.add(clock[0] - seconds)
    assert (saving.cost, saving.spent) == (4, 6)
    clock[0] += 193
    assert not saving.allows_weights_at_end  # 6 s and 4 s are 5% of 200 s
    clock[0] += 2
    assert saving.allows_weights_at_end
    assert not saving.allows_checkpoint  # which has 4/3 s more, 5% of 227 s


def test_the_weights_at_the_end_may_always_take_less_than_a_second(clock):
    saving = SavingTime(5, 33_000_000)  # 0.99 s
    assert saving.allows_weights_at_end
    assert not saving.allows_checkpoint
