"""Fixtures for several sources: a folder of class folders, and an empty folder for TensorFlow Datasets."""

import pytest
from support.class_folders import draw_classes


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return draw_classes(tmp_path_factory.mktemp("data") / "pets")


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
