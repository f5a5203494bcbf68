"""Trained weights as a beginning: what is taken over, what stays as it is, what is computed once."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from support.processes import history

from alexnet_keras.config.variants import architecture
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model, weights_of
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training import feature_cache, run_folder
from alexnet_keras.training.train import train
from alexnet_keras.weights import trained_weights

NARROW = {"filters": (8, 8, 8, 8, 8), "hidden_units": (16, 16), "dropout": 0.0}


def narrow(variant="caffe", **changes):
    """A narrow network of another name, which no file is known to be for."""
    changes = {**NARROW, "initializer": "he_normal", **changes}
    return dataclasses.replace(architecture(variant, **changes), name="narrow")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights of another run: of seven classes, with other pixels in mind."""
    keras.utils.set_random_seed(11)
    path = tmp_path_factory.mktemp("weights") / "weights.npz"
    model = AlexNet(narrow(), classes=7, input_shape=(67, 67, 3), mean=(100, 110, 120))
    trained_weights.export(path, dataclasses.replace(weights_of(model), stddev=50.0))
    return path


@pytest.fixture(scope="module")
def transfer(config, file):
    """Two epochs with frozen convolutions."""
    values = {"architecture": narrow(), "weights": str(file), "freeze": "conv5", "cache_features": True}
    return dataclasses.replace(config, **values)


@pytest.fixture(scope="module")
def cached(transfer, tmp_path_factory):
    """A run that was fitted to cached features."""
    run = tmp_path_factory.mktemp("runs") / "cached"
    train(transfer, run)
    return run


def trained(run):
    return weights_of(load_model(run / run_folder.MODEL))


def assert_equal(one, other, layers):
    for layer in layers:
        for key, value in one.layers[layer].items():
            np.testing.assert_array_equal(value, other.layers[layer][key], err_msg=layer)


CONVOLUTIONS = ["conv1", "conv2", "conv3", "conv4", "conv5"]


def test_frozen_layers_are_those_of_the_file_and_the_classifier_is_new(cached, file):
    given, after = trained_weights.read(file), trained(cached)
    assert_equal(given, after, CONVOLUTIONS)
    assert not np.array_equal(given.layers["fc6"]["kernel"], after.layers["fc6"]["kernel"])
    assert after.layers["fc8"]["bias"].shape == (3,)
    assert (after.mean, after.stddev) == ((100.0, 110.0, 120.0), 50.0)
    values = json.loads((cached / "config.json").read_text())
    assert values["weights"] == str(file)
    assert values["measured"]["weights"]["new_layers"] == ["fc8"]


def test_features_that_do_not_fit_into_memory_are_computed_in_every_epoch(
    cached, transfer, file, tmp_path, monkeypatch, capsys
):
    """And cached features change nothing."""
    monkeypatch.setattr(feature_cache, "fits_in_memory", lambda num_bytes: False)
    train(transfer, tmp_path / "run")
    printed = capsys.readouterr().err
    assert "The features of the frozen layers do not fit into memory and are computed in every epoch." in printed
    layers = "conv1, conv2, conv3, conv4, conv5, fc6, fc7"
    assert (
        f"Weights of {layers} are from {file}; up to conv5 they are frozen. Random initial weights: fc8.\n" in printed
    )
    assert history(cached)[-1]["loss"] == pytest.approx(history(tmp_path / "run")[-1]["loss"], rel=1e-4)
    one, other = trained(cached), trained(tmp_path / "run")
    for layer in ("fc6", "fc7", "fc8"):
        np.testing.assert_allclose(one.layers[layer]["kernel"], other.layers[layer]["kernel"], rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def thawed(transfer, tmp_path_factory):
    """A run whose convolutions are frozen, and their features cached, for the first of two epochs."""
    run = tmp_path_factory.mktemp("runs") / "thawed"
    train(dataclasses.replace(transfer, freeze_epochs=1), run)
    return run


def test_layers_learn_when_their_epochs_are_over(thawed, file):
    given, after = trained_weights.read(file), trained(thawed)
    for layer in CONVOLUTIONS:
        assert not np.array_equal(given.layers[layer]["kernel"], after.layers[layer]["kernel"]), layer
    assert [row["epoch"] for row in history(thawed)] == [1, 2]


@pytest.mark.parametrize(
    "batches", [pytest.param(2, marks=pytest.mark.slow), 5, pytest.param(7, marks=pytest.mark.slow)]
)
def test_a_run_resumes_without_the_file(batches, transfer, thawed, stopped, file, tmp_path):
    """Within the frozen epoch, in its validation, and within the other epoch."""
    copy = tmp_path / "copy.npz"
    copy.write_bytes(file.read_bytes())
    config = dataclasses.replace(transfer, weights=str(copy), freeze_epochs=1)
    stopped(config, tmp_path / "run", batches)
    copy.unlink()
    resumed, _ = run_folder.read_config(tmp_path / "run")
    train(resumed, tmp_path / "run", resume=True)
    assert history(tmp_path / "run") == history(thawed)
    one, other = trained(tmp_path / "run"), trained(thawed)
    for layer, values in one.layers.items():
        np.testing.assert_allclose(values["kernel"], other.layers[layer]["kernel"], rtol=1e-5, atol=1e-7)


def test_a_run_without_a_checkpoint_needs_its_file_unchanged(transfer, file, tmp_path, monkeypatch):
    copy = tmp_path / "copy.npz"
    copy.write_bytes(file.read_bytes())

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alexnet_keras.training.train.fit", killed)
        patch.setattr(run_folder, "_discard", lambda run: None)
        with pytest.raises(KeyboardInterrupt):
            train(dataclasses.replace(transfer, weights=str(copy)), tmp_path / "run")
    resumed, _ = run_folder.read_config(tmp_path / "run")
    found = trained_weights.read(copy)
    found.layers["fc7"]["bias"][0] += 1
    trained_weights.export(copy, found)
    with pytest.raises(InputError, match="copy.npz has changed since .*run began; restore it, or start another run"):
        train(resumed, tmp_path / "run", resume=True)


def test_what_cannot_be_taken_over_leaves_no_folder(transfer, file, tmp_path):
    found = trained_weights.read(file)
    path = tmp_path / "lacking.npz"
    trained_weights.export(
        path, dataclasses.replace(found, layers={k: v for k, v in found.layers.items() if k != "conv2"})
    )
    with pytest.raises(InputError, match="lacking.npz lacks conv2, so `freeze` conv5 cannot keep them; freeze fewer"):
        train(dataclasses.replace(transfer, weights=str(path)), tmp_path / "run")
    with pytest.raises(InputError, match=r"has conv1/kernel of shape \(11, 11, 3, 8\), the model needs"):
        train(dataclasses.replace(transfer, architecture=narrow(filters=(16, 8, 8, 8, 8))), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": "fc6"}, "`freeze` must be one of none, conv1, conv2, conv3, conv4, conv5, got 'fc6'"),
        (
            {"pca_noise": "paper"},
            "with `cache_features` computes the features of each image once, and `pca_noise` paper changes",
        ),
        ({"freeze_epochs": 0}, "`freeze_epochs` must be 1 to 1,000,000 or none, got 0"),
        ({"freeze": "none", "freeze_epochs": 2}, "`freeze_epochs` 2 needs layers to freeze; name the last of them"),
    ],
)
def test_configurations_that_contradict_themselves(changes, message, transfer):
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(transfer, **changes)
