"""The epochs of a run: what they call in which order, and where they end."""

import keras
import pytest
import tensorflow as tf

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.signals import Signals
from alexnet_keras.training.callbacks.best_model import BestModel
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.callbacks.epoch_log import EpochLog
from alexnet_keras.training.callbacks.loss_monitor import LossMonitor
from alexnet_keras.training.callbacks.plateau import LowerOnPlateau
from alexnet_keras.training.callbacks.position import Position
from alexnet_keras.training.callbacks.progress_line import ProgressLine
from alexnet_keras.training.callbacks.target_error import EndAtTarget
from alexnet_keras.training.callbacks.tensorboard import TensorBoardLog
from alexnet_keras.training.loop import fit
from alexnet_keras.training.options import RunOptions
from alexnet_keras.training.train import train


def test_a_device_without_memory_names_the_batch_size(config, tmp_path, monkeypatch):
    def exhausted(self, *arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    monkeypatch.setattr("keras.Model.fit", exhausted)
    with pytest.raises(InputError, match="`batch_size` 5 does not fit into the memory of the device; reduce it"):
        train(config, tmp_path / "run")


@pytest.fixture
def fits(monkeypatch):
    """The arguments of all calls of Keras's `fit`, each of which only goes to the end of its epochs."""
    calls = []

    def record(self, batches, *, callbacks, epochs, **options):
        calls.append({"callbacks": callbacks, "epochs": epochs, **options})
        callbacks[0].state.epoch = epochs

    monkeypatch.setattr("keras.Model.fit", record)
    return calls


def fit_all(begun, *callbacks):
    with Signals() as signals:
        fit(begun.config, RunOptions(callbacks=callbacks), begun.inputs, begun.network, signals)


def test_callbacks_are_called_in_the_order_in_which_they_need_each_other(begin, fits):
    own = keras.callbacks.Callback()
    fit_all(begin(schedule=Plateau(), target_error=0.1), own)
    ((*names, last),) = [call["callbacks"] for call in fits]
    assert [type(callback) for callback in names] == [
        *(Position, LossMonitor, BestModel, EpochLog, LowerOnPlateau, EndAtTarget),
        *(CheckpointWriter, TensorBoardLog, ProgressLine),
    ]
    assert last is own


def test_a_worker_that_is_not_the_chief_writes_nothing(begin, fits):
    begun = begin()
    begun.network.replicas.worker_index = 1
    fit_all(begun, keras.callbacks.Callback())
    assert [type(callback) for callback in fits[0]["callbacks"]] == [Position, LossMonitor, CheckpointWriter]
    assert not begun.network.checkpoints.final.exists()


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, [5]),
        ({"pca_noise": "original", "pca_noise_epochs": 2}, [2, 5]),
        ({"pca_noise_epochs": 2}, [5]),
    ],
)
def test_epochs_are_fitted_together_until_their_images_change(changes, ends, begin, fits):
    fit_all(begin(epochs=5, **changes))
    assert [call["epochs"] for call in fits] == ends
    assert [call["initial_epoch"] for call in fits] == [0, *ends[:-1]]
    assert {(call["steps_per_epoch"], call["validation_steps"]) for call in fits} == {(3, 2)}


@pytest.mark.parametrize("changes", [{"over": True}, {"epoch": 2}])
def test_a_run_at_its_end_is_not_fitted(changes, begin, fits):
    begun = begin()
    for name, value in changes.items():
        setattr(begun.network.state, name, value)
    fit_all(begun)
    assert fits == []


def test_an_epoch_is_continued_at_its_step(begin, fits):
    begun = begin()
    begun.network.state.epoch, begun.network.state.step = 1, 2
    fit_all(begun)
    assert [(call["initial_epoch"], call["steps_per_epoch"]) for call in fits] == [(1, 1)]
