"""Figures take runs, model files, files of weights and Keras models, and refuse files without layers."""

import dataclasses

import numpy as np
import pytest
from support import cli, only_error
from support.drawings import images

from alexnet_keras import figures
from alexnet_keras.figures import networks
from alexnet_keras.figures.networks import predictor_of
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.weights.trained_weights import export


def test_figures_take_runs_files_and_keras_models(run, network, folder, crops):
    for model in (network, from_keras(network), str(run), run / "model.keras"):
        assert predictor_of(model).predict(crops[:1]).shape == (1, 3)
    drawn = [images(figures.predictions(model, data=str(folder)))[0] for model in (run, network)]
    np.testing.assert_array_equal(*drawn)
    for model in (str(run), run / "model.keras"):
        np.testing.assert_array_equal(images(figures.filters(model))[0], images(figures.filters(network))[0])
    with pytest.raises(OptionError, match=r"There is no model .*model.keras; check its name"):
        figures.confusion(folder, folder)


def test_a_file_of_weights_becomes_a_network(narrow, tmp_path):
    from alexnet_keras.model.loading import weights_of

    weights = weights_of(narrow)
    export(tmp_path / "whole.npz", weights)
    whole = networks.load_network(tmp_path / "whole.npz")
    for one, other in zip(narrow.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    convolutions = {name: values for name, values in weights.layers.items() if name.startswith("conv")}
    export(tmp_path / "convolutions.npz", dataclasses.replace(weights, layers=convolutions))
    assert networks.load_network(tmp_path / "convolutions.npz").output_shape == (None, 6, 6, 8)
    del convolutions["conv3"]
    export(tmp_path / "incomplete.npz", dataclasses.replace(weights, layers=convolutions))
    with pytest.raises(InputError, match="lacks conv3; only complete convolutions can be drawn"):
        networks.load_network(tmp_path / "incomplete.npz")


def test_a_format_without_layers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.tflite").touch()
    result = cli("figures", "filters", "model.tflite")
    assert result.code == 1
    assert "model.tflite has no layers that can be drawn; use a run, .keras" in only_error(result)


def test_the_last_layer_before_the_classifier(narrow, small, tiny):
    assert networks.last_layer(narrow, networks.HIDDEN) == "fc7"
    assert networks.last_layer(small, networks.HIDDEN) == "flatten"
    assert [networks.last_layer(model, networks.POOLINGS) for model in (narrow, small)] == ["pool5", "pool3"]
    without_top = AlexNet(tiny, include_top=False, input_shape=(67, 67, 3))
    assert networks.last_layer(without_top, networks.HIDDEN) == "join5"
