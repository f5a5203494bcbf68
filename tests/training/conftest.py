"""A short run of a narrow network, a way to stop it after some batches, and its network before the first step."""

import dataclasses
import os
import signal
from types import SimpleNamespace

import pytest
from support.train_tiny import SMALL

from alexnet_keras.config.recipes import recipe
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.system.errors import Interrupted
from alexnet_keras.training.build import build_network
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.inputs import open_inputs
from alexnet_keras.training.run_folder import Measured
from alexnet_keras.training.train import train


@pytest.fixture(scope="session")
def config(folder):
    """Two epochs of three steps; two steps of validation follow each. The small network is traced in half the time."""
    values = {"data": str(folder), "architecture": SMALL, "input_size": 67, "batch_size": 5, "epochs": 2}
    return dataclasses.replace(recipe("quickstart"), **values, precision="float32")


@pytest.fixture(scope="session")
def stopped():
    """Start a run, and stop it by SIGTERM after so many batches of training and validation."""

    def run_and_stop(config, run, batches, **options):
        left = [batches]

        def counting(original):
            def batch_end(self, batch, logs=None):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGTERM)
                original(self, batch, logs)

            return batch_end

        with pytest.MonkeyPatch.context() as patch:
            for name in ("on_train_batch_end", "on_test_batch_end"):
                patch.setattr(CheckpointWriter, name, counting(getattr(CheckpointWriter, name)))
            with pytest.raises(Interrupted) as error:
                train(config, run, **options)
        return error.value

    return run_and_stop


@pytest.fixture
def begin(config, tmp_path):
    """Open the data of a run and build its network, as `train` does before the first step."""

    def open_and_build(policy="float32", **changes):
        changed = dataclasses.replace(config, **changes)
        inputs = open_inputs(changed, tmp_path / "run", None, may_prepare=False)
        measured = Measured(
            class_names=inputs.dataset.class_names,
            train_images=len(inputs.training),
            validation_images=len(inputs.validation),
            colors=inputs.color_statistics(),
            policy=policy,
        )
        network = build_network(changed, tmp_path / "run", inputs, measured, Replicas(["CPU:0"]))
        return SimpleNamespace(config=changed, inputs=inputs, network=network)

    return open_and_build
