"""The learning rate falls when the validation error does not."""

from types import SimpleNamespace

import pytest

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.training.callbacks.plateau import LowerOnPlateau
from alexnet_keras.training.checkpoints import State


def feed(state, errors, schedule):
    """The learning rates after each epoch."""
    callback = LowerOnPlateau(state, schedule, 0.01, prints=False)
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.01), stop_training=False))
    rates = []
    for epoch, error in enumerate(errors):
        callback.on_epoch_end(epoch, {"val_accuracy": 1 - error})
        rates.append(callback.model.optimizer.learning_rate)
        assert callback.model.stop_training == state.over
    return rates


def test_plateau_divides_three_times_and_stops():
    state = State(steps=1)
    errors = [0.9, 0.5, 0.495, 0.6, 0.4, 0.4, 0.4, 0.3, 0.3, 0.3, 0.3]  # half a point is no improvement
    expected = [0.01] * 3 + [0.001] * 3 + [1e-4] * 3 + [1e-5] * 2
    assert feed(state, errors, Plateau(patience=2, threshold=0.01)) == pytest.approx(expected)
    assert not state.over
    feed(state, [0.3], Plateau(patience=2, threshold=0.01))
    assert state.over


def test_a_plateau_continues_from_its_state():
    errors, schedule = [0.9] + [0.5] * 9, Plateau(patience=2)
    whole = State(steps=1)
    feed(whole, errors, schedule)
    for cut in range(len(errors)):
        state = State(steps=1)
        feed(state, errors[:cut], schedule)
        feed(state, errors[cut:], schedule)
        assert (state.plateau, state.over) == (whole.plateau, whole.over)
