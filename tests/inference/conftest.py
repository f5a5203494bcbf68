"""The trained network as a TFLite file."""

import pytest

from alexnet_keras.export import tflite
from alexnet_keras.model.loading import load_model


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("tflite") / "model.tflite"
    tflite.write(load_model(trained), path)
    return path
