"""The row of an epoch has its errors, its speed, and the learning rate of its last step."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.schedules import Plateau, Steps
from alexnet_keras.training.callbacks.epoch_log import EpochLog
from alexnet_keras.training.checkpoints import State
from alexnet_keras.training.run_folder import COLUMNS

LOGS = {"loss": 2.5, "accuracy": 0.25, "top5_accuracy": 0.75, "val_loss": 2.25, "val_accuracy": 0.5}
LOGS["val_top5_accuracy"] = 0.875


def logged(schedule, iterations, learning_rate=9.0):
    """The row of the second epoch, after so many steps of the optimizer; an epoch has ten."""
    state = State(epoch=1, step=10, steps=10, seconds=5.5, train_seconds=4.0, history=[{"epoch": "1"}])
    config = dataclasses.replace(recipe("quickstart"), schedule=schedule, learning_rate=0.02, epochs=4)
    callback = EpochLog(state, config, images_per_epoch=50)
    numbers = {"iterations": np.int64(iterations), "learning_rate": np.float32(learning_rate)}
    optimizer = {name: SimpleNamespace(numpy=lambda value=value: value) for name, value in numbers.items()}
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(**optimizer)))
    callback.on_epoch_end(1, LOGS)
    assert state.history[0] == {"epoch": "1"}
    return state.history[1]


def test_a_row_has_all_columns_and_errors_instead_of_accuracies():
    row = logged(Steps(boundaries=(1,), divide_by=10), 20)
    assert tuple(row) == COLUMNS
    assert list(row.values()) == ["2", "0.002", "2.5", "0.75", "0.25", "2.25", "0.5", "0.125", "12.5", "5.5"]


@pytest.mark.parametrize(("iterations", "rate"), [(10, "0.02"), (11, "0.002"), (0, "0.02")])
def test_the_learning_rate_is_that_of_the_step_that_was_done_last(iterations, rate):
    assert logged(Steps(boundaries=(1,), divide_by=10), iterations)["learning_rate"] == rate


def test_the_learning_rate_of_a_plateau_is_that_of_the_optimizer():
    assert logged(Plateau(), 20, learning_rate=0.0005)["learning_rate"] == "0.0005"
