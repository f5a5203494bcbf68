"""A run ends when its training error is small enough."""

import dataclasses
from types import SimpleNamespace

import pytest

from alexnet_keras.training.callbacks.target_error import EndAtTarget
from alexnet_keras.training.checkpoints import State
from alexnet_keras.training.run_folder import read_history
from alexnet_keras.training.train import train


@pytest.mark.parametrize(("accuracy", "over"), [(0.7, False), (0.75, True), (0.8, True)])
def test_the_target_itself_is_enough(accuracy, over):
    callback = EndAtTarget(State(steps=1), 0.25, prints=False)
    callback.set_model(SimpleNamespace(stop_training=False))
    callback.on_epoch_end(0, {"accuracy": accuracy})
    assert (callback.state.over, callback.model.stop_training) == (over, over)


def test_a_run_that_reaches_the_target_is_finished(config, tmp_path, capsys):
    config, run = dataclasses.replace(config, epochs=3, target_error=0.99), tmp_path / "run"
    train(config, run)
    (row,) = read_history(run)
    printed = f"The training error of {row['top1_error']:.1%} has reached the target of 99.0%: training ends.\n"
    assert printed in capsys.readouterr().err
    assert not list((run / "checkpoints").glob("*"))
    train(config, run, resume=True)
    assert "is finished; there is nothing to resume." in capsys.readouterr().err
