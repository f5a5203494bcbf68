"""A data set of TensorFlow Datasets is found by its name, or fails within seconds and says why."""

import os
import re
import shutil
import subprocess
import sys
from unittest import mock

import pytest
import requests
import tensorflow_datasets as tfds
from support import ROOT, cli, only_error

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.sources import tfds_library
from alexnet_keras.data.sources.open_dataset import absolute_source, open_dataset
from alexnet_keras.system.errors import InputError, OptionError


@pytest.mark.parametrize(
    "name", ["no_such_data", "no/such/folder", "./missing", "~nobody-here/x", "bad name!", "huggingface:mnist"]
)
def test_an_unknown_name_says_what_can_be_given(name):
    with pytest.raises(OptionError, match=f"The data set {name}: no such folder, and no such data set in TensorFlow"):
        open_dataset(name)


def test_a_home_folder_that_is_not_known_is_no_folder(tmp_path):
    for source in (
        DataSource(name="imagenet", data_dir="~nobody-here"),
        DataSource(name="imagenet", data_dir=str(tmp_path), manual_dir="~nobody-here"),
    ):
        with pytest.raises(InputError, match="The data set imagenet was not found. Looked for: .* in ~nobody-here"):
            open_dataset(source)
    assert absolute_source("~nobody-here/x") == "~nobody-here/x"
    output = tmp_path / "f.npz"
    result = cli("features", "imagenette", "--data", "~nobody-here/x", "--output", output)
    assert only_error(result).startswith("Error: The data set ~nobody-here/x: no such folder")


@pytest.mark.usefixtures("tfds_folder")
def test_a_data_set_that_cannot_be_downloaded_fails_within_seconds(monkeypatch, tmp_path):
    """TFDS would ask each server seven times, for minutes, in threads that do not end at Ctrl-C."""
    asked = []

    def no_server(url, **options):
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", no_server)
    message = r"The data set mnist is not in .*, and storage.googleapis.com cannot be reached to download it; check"
    with pytest.raises(InputError, match=message):
        open_dataset(DataSource(name="mnist", data_dir=str(tmp_path)))
    assert len(asked) == 1
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.keras").touch()
    load = "alexnet_keras.cli.options.load_tensorflow"
    monkeypatch.setattr(load, lambda: pytest.fail("TensorFlow is imported before"))
    shutil.copytree(ROOT / "tests" / "fixtures" / "finished_run", tmp_path / "run")
    for command in (
        *("data check", "data prepare --output d", "train", "evaluate m.keras", "export m.keras --format tflite"),
        *("compress run", "features m.keras --output f.npz", "figures confusion m.keras", "figures augmentation"),
        *("benchmark input", "export m.keras --format tflite --data shapes --calibration mnist"),
    ):
        words = command.split() if "--data" in command.split() else [*command.split(), "--data", "mnist"]
        result = cli(*words, "--data-dir", tmp_path)
        assert "mnist is not in " in only_error(result), command
    asked.clear()
    (tmp_path / "downloads" / "mnist").mkdir(parents=True)  # then TFDS may have all files
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", mock.Mock(side_effect=OSError("no file")))
    with pytest.raises(InputError, match="The data set mnist could not be downloaded and prepared: no file"):
        open_dataset(DataSource(name="mnist", data_dir=str(tmp_path)))
    assert asked == []


def test_a_server_that_answers_is_left_to_tfds(monkeypatch, tmp_path):
    def slow(url, **options):
        raise requests.ReadTimeout

    monkeypatch.setattr(requests, "head", slow)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", mock.Mock(side_effect=OSError("no file")))
    with pytest.raises(InputError, match="The data set mnist could not be downloaded and prepared: no file"):
        open_dataset(DataSource(name="mnist", data_dir=str(tmp_path)))


def test_a_broken_tfds_says_in_one_line_what_mends_it(tmp_path):
    """The code of tensorflow-metadata 1.21 was generated for a newer protobuf than Colab has."""
    package = tmp_path / "tensorflow_metadata"
    package.mkdir()
    (package / "__init__.py").write_text("raise TypeError('Descriptors cannot be created directly.')\n")
    command = [sys.executable, "-m", "alexnet_keras", "data", "check", "--data", "cifar10"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert re.search("cannot be imported, probably .* pip install 'tensorflow-metadata<1.18'", line)


def test_shards_of_a_data_set_of_tfds_are_named_by_their_size():
    assert tfds_library.prepared_folder(DataSource(name="mnist", data_dir="d", stored_size=32)).name == "mnist-32"
