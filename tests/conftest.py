"""Fixtures for several rooms: small data sets, one short run and one trained network with few channels."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import dataclasses
import gc
import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest
from support import CLASS_NAMES, NARROW, SHARED_DATA, cli, draw_folder

from alexnet_keras.config import pretrained  # noqa: F401  # it reads the variants, which some tests make narrow
from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.variants import ARCHITECTURES

# TensorFlow is imported where it is needed: pytest-xdist reads this file also in the process that computes nothing.

gc.disable()  # until all modules are imported: their objects stay


def pytest_collection_finish():
    freeze()
    gc.enable()


def freeze():
    """Leave a million objects of imported modules out of later collections, each of which would take a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def free_memory():
    """Release the networks of a test file when it ends; what survives is a module or a fixture of the session."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)
    freeze()


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(scope="session")
def run(folder, tmp_path_factory) -> Path:
    """A run of two epochs over twelve images, with a narrow network for 67 pixels."""
    path = tmp_path_factory.mktemp("runs") / "colours"
    result = cli("train", "--data", folder, "--epochs", 2, "--batch-size", 5, "--run", path, *NARROW)
    assert result.code == 0, result.err
    return path


def tiny_architecture() -> Architecture:
    return Architecture(name="tiny", towers=2, filters=(8, 8, 8, 8, 8), hidden_units=(16, 16), initializer="he_normal")


@pytest.fixture
def tiny() -> Architecture:
    """The layers of the paper's network with few channels."""
    return tiny_architecture()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """A data set of colours with enough training images to calibrate an export."""
    from alexnet_keras.data.sources.open_dataset import open_dataset

    return open_dataset(str(draw_folder(tmp_path_factory.mktemp("dataset") / "colours", train=8)))


@pytest.fixture(scope="session")
def trained(dataset, tmp_path_factory) -> Path:
    """The `.keras` file of a tiny network for 67 pixels that classifies the colours without errors."""
    import keras

    from alexnet_keras.data import pipeline
    from alexnet_keras.model.alexnet import AlexNet

    keras.utils.set_random_seed(0)
    architecture = dataclasses.replace(tiny_architecture(), dropout=0)
    model = AlexNet(architecture, classes=3, input_shape=(67, 67, 3), class_names=CLASS_NAMES)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = pipeline.eval_dataset(dataset.train, input_size=67, batch_size=8)
    history = model.fit(batches.cache(), epochs=30, verbose=0)
    assert history.history["accuracy"][-1] == 1
    path = tmp_path_factory.mktemp("trained") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def model(trained, tmp_path) -> Path:
    """A copy of `trained` in its own folder."""
    return Path(shutil.copy(trained, tmp_path / "model.keras"))


@pytest.fixture(scope="session")
def summaries():
    """The layers of every variant at full width, built with zeros because random weights take many seconds."""
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.summary import summarize

    found = {}
    with mock.patch("alexnet_keras.model.alexnet.initializers", return_value={"kernel_initializer": "zeros"}):
        for name in ARCHITECTURES:
            found[name] = summarize(AlexNet(name))
            gc.collect()  # one network at a time: each takes 250 MB
    return found


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real photographs are not on this machine")
    return SHARED_DATA
