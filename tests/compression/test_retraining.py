"""Retraining continues a run on its pruned network: fewer connections, less dropout, and a learning rate that falls."""

import dataclasses
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from alexnet_keras.compression import retraining
from alexnet_keras.compression.pruning import PAPER_KEPT, kernels, prune
from alexnet_keras.config.recipes import recipe
from alexnet_keras.data import pipeline
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import RunError

STEPS = 5  # of an epoch: 24 images in batches of 5
KEPT = 0.25
LOGS = {"loss": 0.5, "accuracy": 0.75}


@pytest.fixture
def config(tiny):
    values = {"architecture": tiny, "input_size": 67, "batch_size": 5, "epochs": 2, "precision": "float32", "seed": 3}
    return dataclasses.replace(recipe("quickstart"), **values)


@pytest.fixture
def pruned(tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    prune(model, PAPER_KEPT)
    return model


@pytest.fixture
def retrain(pruned, config, dataset, tmp_path, monkeypatch):
    """Retrain four epochs after the first `first_epoch` ones with another function in the place of Keras's `fit`."""
    pruned.save(tmp_path / "pruned.keras")

    def retrain(fit, first_epoch=0):
        seen = SimpleNamespace(batches=[], done=[])

        def train_dataset(split, **options):
            seen.batches.append((split, options))

        monkeypatch.setattr(pipeline, "train_dataset", train_dataset)
        monkeypatch.setattr(keras.Model, "fit", fit)
        options = {"kept": KEPT, "epochs": 4, "first_epoch": first_epoch, "on_epoch": seen.done.append}
        retraining.retrain(pruned, tmp_path / "pruned.keras", config, dataset.train, **options)
        return seen

    return retrain


def test_the_learning_rate_falls_from_that_of_the_run_to_zero(retrain, config):
    found = {}

    def fit(network, batches, *, initial_epoch, epochs, steps_per_epoch, **options):
        found.update(first=initial_epoch, last=epochs, steps=steps_per_epoch, done=int(network.optimizer.iterations))
        for step in (0, 2 * STEPS, 4 * STEPS):
            network.optimizer.iterations.assign(step)
            found[step] = float(network.optimizer.learning_rate)

    retrain(fit, first_epoch=1)
    assert (found["first"], found["last"], found["steps"], found["done"]) == (1, 4, STEPS, STEPS)
    assert found[0] == pytest.approx(config.learning_rate)
    assert found[2 * STEPS] == pytest.approx(config.learning_rate / 2)
    assert found[4 * STEPS] == pytest.approx(0, abs=1e-9)


def test_the_network_has_the_pruned_weights_keeps_their_zeros_and_drops_fewer_outputs(retrain, pruned, config):
    networks = []
    retrain(lambda network, *arguments, **options: networks.append(network))
    (network,) = networks
    for one, other in zip(network.get_weights(), pruned.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for layer, (_, kernel) in kernels(network).items():
        values = kernel.numpy()
        assert 0 < np.count_nonzero(values) < values.size, layer
        np.testing.assert_array_equal(kernel.constraint(np.ones_like(values)), values != 0)
    rates = {layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)}
    assert rates == {config.architecture.dropout * math.sqrt(KEPT)}
    assert network.layers[-1].activation is keras.activations.linear


def test_the_crops_are_those_of_the_run_with_another_seed(retrain, config, dataset):
    seen = retrain(lambda network, *arguments, **options: None, first_epoch=2)
    ((split, options),) = seen.batches
    assert split is dataset.train
    assert list(options.pop("epochs").as_numpy_iterator()) == [2, 3]
    assert options == {"input_size": 67, "batch_size": 5, "seed": config.seed + 1, **config.crops()}


def test_the_model_has_the_weights_of_each_finished_epoch(retrain, pruned, capsys):
    biases = []

    def fit(network, batches, *, callbacks, **options):
        for callback in callbacks:
            callback.set_model(network)
        for epoch in (2, 3):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            for step in range(STEPS):
                for callback in callbacks:
                    callback.on_train_batch_end(step, LOGS)
            network.get_layer("fc8").bias.assign(np.full(3, epoch))
            for callback in callbacks:
                callback.on_epoch_end(epoch, LOGS)
            biases.append(pruned.get_layer("fc8").bias.numpy().tolist())

    seen = retrain(fit, first_epoch=2)
    assert seen.done == [3, 4]
    assert biases == [[2, 2, 2], [3, 3, 3]]
    printed = capsys.readouterr().err
    assert "Retraining, epoch 3/4  loss 0.500  error 25.0%\n" in printed
    assert "Retraining, epoch 4/4  loss 0.500  error 25.0%\n" in printed


def test_a_loss_that_is_not_finite_ends_it_at_its_step(retrain):
    def fit(network, batches, *, callbacks, **options):
        for callback in callbacks:
            callback.set_model(network)
            callback.on_epoch_begin(0)
        for step, loss in enumerate((0.5, math.nan)):
            for callback in callbacks:
                callback.on_train_batch_end(step, {**LOGS, "loss": loss})

    with pytest.raises(RunError, match="The loss is nan at step 2 of retraining, epoch 1/4"):
        retrain(fit)
