"""Networks with few channels, what they see of a small data set, and a way to hide a package."""

import builtins
import shutil

import numpy as np
import pytest
from support import CLASS_NAMES

from alexnet_keras.config.experiments import FIGURE_1_NETWORK
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import one_pass
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model


@pytest.fixture(scope="session")
def network(run):
    return load_model(run / "model.keras")


@pytest.fixture(scope="session")
def predictor(network):
    return from_keras(network)


@pytest.fixture(scope="session")
def crops(folder):
    """The validation images as the network sees them, by the name of their class in order."""
    split = open_dataset(str(folder)).validation
    return np.stack(one_pass.crops(split, range(len(split)), 67))


@pytest.fixture(scope="session")
def twins(folder, tmp_path_factory):
    """A data set whose validation images are its training images."""
    root = tmp_path_factory.mktemp("twins") / "twins"
    for part in ("train", "val"):
        shutil.copytree(folder / "train", root / part)
    return str(root)


@pytest.fixture(scope="session")
def narrow():
    """The paper's network at its size with few channels."""
    return AlexNet("paper", classes=3, filters=(8,) * 5, hidden_units=(8, 8), initializer="he_normal")


@pytest.fixture(scope="session")
def small():
    """The small network, of which `reproduce figure-1` leaves runs, with few channels."""
    names = {"classes": 3, "class_names": CLASS_NAMES}
    return AlexNet(FIGURE_1_NETWORK, filters=(4, 4, 4), initializer="he_normal", **names)


@pytest.fixture
def hide(monkeypatch):
    """Let the import of a package fail."""
    real = builtins.__import__

    def hide_package(package):
        def missing(name, *arguments, **keywords):
            if name.split(".")[0] == package:
                raise ImportError(name)
            return real(name, *arguments, **keywords)

        monkeypatch.setattr(builtins, "__import__", missing)

    return hide_package
