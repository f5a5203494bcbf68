"""The state knows the step of a run and the time of its epoch, also after an interruption."""

import time

import pytest

from alexnet_keras.training.callbacks.position import Position
from alexnet_keras.training.checkpoints import State


@pytest.fixture
def clock(monkeypatch):
    """A list whose only element is the time."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_validation_counts_in_the_seconds_and_not_in_those_of_training(clock):
    state = State(steps=2)
    position = Position(state)
    position.on_epoch_begin(0)
    for batch, seconds in enumerate((3, 4)):
        clock[0] += seconds
        position.on_train_batch_end(batch)
        assert (state.step, state.seconds) == (batch + 1, (3, 7)[batch])
    assert state.train_seconds == 7
    clock[0] += 2
    position.on_epoch_end(0)
    assert (state.seconds, state.train_seconds) == (9, 7)


def test_an_epoch_that_is_entered_in_its_middle_continues_its_step_and_its_clock(clock):
    state = State(epoch=4, step=2, steps=4, seconds=30.0)
    position = Position(state)
    position.on_epoch_begin(4)
    clock[0] += 5
    position.on_train_batch_end(0)  # Keras counts from 0
    assert (state.step, state.seconds, state.train_seconds) == (3, 35, 0)
    position.on_train_batch_end(1)
    assert (state.step, state.train_seconds) == (4, 35)


def test_the_time_between_two_epochs_belongs_to_the_second(clock):
    state = State(steps=1)
    position = Position(state)
    for epoch, pause in enumerate((0, 6)):
        clock[0] += pause  # in which a checkpoint is written
        position.on_epoch_begin(epoch)
        clock[0] += 2
        position.on_train_batch_end(0)
        clock[0] += 1
        position.on_epoch_end(epoch)
        assert (state.train_seconds, state.seconds) == (2, 3 + pause)
        state.end_epoch()
