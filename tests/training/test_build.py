"""The network of a run has its policy and its seed, and the state of its newest checkpoint."""

import dataclasses

import keras
import numpy as np
import pytest
from support.train_tiny import NETWORK
from tensorflow.python.util import _pywrap_determinism

from alexnet_keras.distribution.precision import Jit
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError
from alexnet_keras.training import compile as module
from alexnet_keras.training.checkpoints import State
from alexnet_keras.training.train import train


def test_xla_trains_to_the_same_weights(config, tmp_path, monkeypatch):
    _pywrap_determinism.enable(False)  # an earlier deterministic run forbids XLA in this process
    network = dataclasses.replace(NETWORK, towers=1, dropout=0.0)
    config = dataclasses.replace(config, architecture=network, batch_size=3, epochs=1)  # XLA compiles for each size
    for jit in (True, False):
        monkeypatch.setattr(module, "choose_jit", lambda *arguments, jit=jit: Jit(jit, "a test"))
        train(config, tmp_path / str(jit))
    compiled, plain = (load_model(tmp_path / jit / "model.keras").get_weights() for jit in ("True", "False"))
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_run_begins_with_the_weights_of_its_seed_under_names_that_every_process_has(begin):
    one, again, other = begin().network, begin().network, begin(seed=1).network
    names = list(one.checkpoints.variables)
    assert names == list(again.checkpoints.variables)
    assert names[-1].startswith("optimizer/")
    kernel = next(name for name in names if name.startswith("model/conv1"))
    values = [network.checkpoints.variables[kernel].numpy() for network in (one, again, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])
    assert one.state == State(steps=3)


def test_the_network_has_the_policy_of_the_run_and_what_is_saved_is_float32(begin):
    network = begin("mixed_bfloat16").network
    assert network.model.get_layer("conv1").compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in network.blank.layers} == {"float32"}
    assert [weight.shape for weight in network.blank.weights] == [weight.shape for weight in network.model.weights]
    np.testing.assert_allclose(np.sum(network.blank(np.zeros((1, 67, 67, 3), np.uint8))), 1, rtol=1e-6)
    assert network.model.get_layer("predictions").activation is keras.activations.linear


def test_a_checkpoint_is_restored_if_it_fits_the_data(begin, capsys):
    first = begin().network
    for variable in first.checkpoints.variables.values():
        variable.assign(np.full(variable.shape, 2, variable.dtype))
    first.state.step = 2
    first.checkpoints.write(first.state)
    capsys.readouterr()
    second = begin(seed=1).network
    assert "Resuming at epoch 1, step 2.\n" in capsys.readouterr().err
    assert second.state == first.state
    for name, variable in second.checkpoints.variables.items():
        assert (variable.numpy() == 2).all(), name
    with pytest.raises(InputError, match="has 3 steps in an epoch, but its data has 2; restore the data, or start ano"):
        begin(steps_per_epoch=2)
