"""Checkpoints within an epoch: when they are written, and what happens if they cannot be."""

import signal
import time
import zipfile
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.system.errors import Interrupted, RunError
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.checkpoints import Checkpoints, State, newest_first
from alexnet_keras.training.compile import accuracies
from alexnet_keras.training.run_folder import COLUMNS


@pytest.fixture
def make(tmp_path):
    def writer(minutes, weight=1.0, received=None, epochs=9, extensible=True):
        network = SimpleNamespace(
            state=State(steps=3),
            checkpoints=Checkpoints(tmp_path, {"weight": keras.Variable(np.float32(weight))}),
            metrics=accuracies(),
            replicas=Replicas(["CPU:0"]),
        )
        best = SimpleNamespace(save=lambda: None)
        signals = SimpleNamespace(received=received)
        callback = CheckpointWriter(network, signals, minutes, epochs, extensible, "A likely cause.", best)
        callback.set_model(SimpleNamespace(metrics=[keras.metrics.Mean(name="loss")]))
        network.state.step = 1
        network.state.history.append({**dict.fromkeys(COLUMNS, "1"), "seconds": "10"})
        return callback

    return writer


def test_checkpoints_within_an_epoch_wait_for_their_minutes(make, tmp_path):
    make(minutes=5).on_train_batch_end(0)
    assert newest_first(tmp_path) == []
    make(minutes=0).on_train_batch_end(0)
    assert [path.name for path in newest_first(tmp_path)] == ["step-000000001.npz"]


def written(tmp_path):
    return [int(path.stem[5:]) for path in newest_first(tmp_path)]


@pytest.fixture
def timed(make, monkeypatch):
    """A writer whose checkpoints take two seconds, and a function that ends an epoch some seconds after the last."""
    callback = make(minutes=5, epochs=6)
    callback.saving_time.cost = 2.0
    clock = [callback.saving_time.began]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    write = Checkpoints.write

    def slow(self, state):
        clock[0] += 2
        return write(self, state)

    monkeypatch.setattr(Checkpoints, "write", slow)

    def end_epoch(epoch, seconds):
        clock[0] += seconds
        callback.on_epoch_end(epoch)

    return callback, end_epoch


@pytest.mark.parametrize(("seconds", "complete"), [(20, True), (24, False)])
def test_saving_takes_at_most_a_twentieth_of_the_time(seconds, complete, timed, tmp_path):
    callback, end_epoch = timed
    end_epoch(0, 53)
    assert written(tmp_path) == []
    end_epoch(1, 0.5)  # 53.5 s for 2 s of saving now, and 2/3 s for the model at the end
    assert written(tmp_path) == [6]
    end_epoch(2, 37)
    assert written(tmp_path) == [6]
    end_epoch(3, 1)  # 93.5 s for 4 s and 2/3 s
    assert written(tmp_path) == [12, 6]
    end_epoch(4, 1)
    assert written(tmp_path) == [12, 6]
    end_epoch(5, seconds)  # the last always, but without variables unless 120 s allow 6 s
    assert written(tmp_path) == [18, 12]
    assert callback.checkpoints.read()[0].complete == complete


@pytest.mark.parametrize(
    ("extensible", "over", "complete"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_the_last_checkpoint_has_variables_if_steps_can_follow(make, tmp_path, extensible, over, complete):
    callback = make(minutes=5, epochs=1, extensible=extensible)
    callback.state.over = over
    callback.on_epoch_end(0)
    (path,) = newest_first(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["state.json"] if complete else ["weight.npy", "state.json"]
    state, values = callback.checkpoints.read()
    assert (state.complete, list(values)) == (complete, [] if complete else ["weight"])


def test_the_time_of_saving_the_model_belongs_to_the_last_epoch(make, monkeypatch, tmp_path):
    callback = make(minutes=5, epochs=2, extensible=False)
    clock = [callback.saving_time.began]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def save():
        clock[0] += 0.75

    callback.best.save = save
    clock[0] += 100
    callback.on_epoch_end(0)  # written, but counted in the next epoch
    assert callback.state.history[-1]["seconds"] == "10"
    callback.on_epoch_end(1)
    assert callback.state.history[-1]["seconds"] == "10.75"
    assert callback.checkpoints.read()[0].history == callback.state.history


def test_the_promised_minutes_count_more_than_the_cost(timed, tmp_path):
    callback, end_epoch = timed
    callback.saving_time.cost = 100.0
    end_epoch(0, 299)
    assert written(tmp_path) == []
    end_epoch(1, 1.5)
    assert written(tmp_path) == [6]


def test_a_weight_that_is_not_finite_stops_the_run(make):
    with pytest.raises(RunError, match="weight is no longer finite. This happened at epoch 1, step 1. A likely cause."):
        make(minutes=0, weight=np.nan).on_train_batch_end(0)


def test_a_signal_on_a_full_disk_reports_that_nothing_was_saved(make, monkeypatch, capsys):
    def full(self, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Checkpoints, "write", full)
    with pytest.raises(Interrupted, match="SIGTERM at epoch 1, step 1, which could not be saved") as error:
        make(minutes=5, received=signal.SIGTERM).on_train_batch_end(0)
    assert error.value.signal == signal.SIGTERM
    assert "cannot be written (No space left on device). Training continues without a checkpoint." in (
        capsys.readouterr().err
    )
