"""Checkpoints within an epoch: when they are written, and what happens if they cannot be."""

import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.system.errors import Interrupted, RunError
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.checkpoints import Checkpoints, State, newest_first
from alexnet_keras.training.compile import accuracies


@pytest.fixture
def make(tmp_path):
    def writer(minutes, weight=1.0, received=None):
        network = SimpleNamespace(
            state=State(steps=3),
            checkpoints=Checkpoints(tmp_path, {"weight": keras.Variable(np.float32(weight))}),
            metrics=accuracies(),
            replicas=Replicas(["CPU:0"]),
        )
        callback = CheckpointWriter(network, SimpleNamespace(received=received), minutes, "A likely cause.")
        callback.set_model(SimpleNamespace(metrics=[keras.metrics.Mean(name="loss")]))
        network.state.step = 1
        return callback

    return writer


def test_checkpoints_within_an_epoch_wait_for_their_minutes(make, tmp_path):
    make(minutes=5).on_train_batch_end(0)
    assert newest_first(tmp_path) == []
    make(minutes=0).on_train_batch_end(0)
    assert [path.name for path in newest_first(tmp_path)] == ["step-000000001.npz"]


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
