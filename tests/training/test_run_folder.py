"""Run folders: names, who may write to them, the newest one."""

import os
import time

import pytest
from support import cli, only_error

from alexnet_keras.api import MODEL_SUFFIXES, data_of, find_model, newest_run
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import DataSource
from alexnet_keras.inference.predictor import LOADERS
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training import run_folder


def make_run(path, age):
    path.mkdir(parents=True)
    model = path / run_folder.MODEL
    model.write_text("")
    os.utime(model, (1000 - age, 1000 - age))


def test_newest_is_the_run_that_last_wrote_a_model(tmp_path):
    with pytest.raises(
        OptionError, match="There is no run in .*; name a model, or make one with 'alexnet-keras train'"
    ):
        newest_run(tmp_path)
    make_run(tmp_path / "b", age=5)
    make_run(tmp_path / "a", age=1)
    make_run(tmp_path / "c", age=9)
    (tmp_path / "unfinished").mkdir()
    assert newest_run(tmp_path) == tmp_path / "a"


def test_default_names_hold_recipe_and_data_and_differ():
    first = run_folder.default_path(recipe("quickstart"))
    assert first.match("saved_models/*-quickstart-shapes")
    time.sleep(0.002)
    assert first < run_folder.default_path(recipe("quickstart"))


def test_a_folder_belongs_to_one_run(tmp_path):
    path = tmp_path / "a" / "run"
    with run_folder.claim(path):
        assert path.is_dir()
        with pytest.raises(InputError, match="Another process trains in .*run; wait until"), run_folder.claim(path):
            pass
    with run_folder.claim(path):  # nothing was written
        (path / "notes.txt").touch()
    with (
        pytest.raises(InputError, match="The run folder .*run exists; choose another `run`, or remove it"),
        run_folder.claim(path),
    ):
        pass


def test_create_refuses_what_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    message = "The run folder .*file/run cannot be written to .*; choose another `run`"
    with pytest.raises(InputError, match=message), run_folder.claim(tmp_path / "file" / "run"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_create_refuses_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written to"), run_folder.claim(tmp_path / "run"):
        pass


def test_a_run_without_a_model_is_discarded(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / run_folder.HISTORY).touch()
    run_folder.discard_if_empty_handed(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    make_run(tmp_path / "kept", age=0)
    run_folder.discard_if_empty_handed(tmp_path / "kept")
    assert (tmp_path / "kept" / run_folder.MODEL).exists()


def test_find_model_knows_runs_and_files(tmp_path):
    make_run(tmp_path / "run", age=0)
    assert find_model(tmp_path / "run") == tmp_path / "run" / run_folder.MODEL
    (tmp_path / "alone.keras").touch()
    assert find_model(tmp_path / "alone.keras") == tmp_path / "alone.keras"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty is neither a run with 'model.keras' nor a SavedModel"):
        find_model(tmp_path / "empty")
    with pytest.raises(OptionError, match="There is no model .*absent"):
        find_model(tmp_path / "absent")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(
        InputError, match="photo.jpg is no model; give a run, a SavedModel, or a file that ends in .keras"
    ):
        find_model(tmp_path / "photo.jpg")


def test_every_model_suffix_has_a_loader():
    assert set(MODEL_SUFFIXES) == set(LOADERS)


@pytest.mark.parametrize("command", ["info", "evaluate", "compress", "export --format tflite", "features --layer fc7"])
def test_a_folder_that_is_no_run_is_named(command, tmp_path):
    name, *options = command.split()
    output = ["--output", tmp_path / "f.npz"] if name == "features" else []
    result = cli(name, tmp_path, *options, *output)
    assert result.code == 1
    assert f"The folder {tmp_path} is neither a run with 'model.keras' nor a SavedModel" in only_error(result)


def test_what_lies_in_a_run_knows_its_data(tmp_path):
    make_run(tmp_path / "run", age=0)
    atomic_files.write_json(tmp_path / "run" / run_folder.CONFIG, {"data": "shapes"})
    assert data_of(tmp_path / "run" / "model.tflite") == DataSource(name="shapes")
    for content in ({}, {"data": {"train": 1}}):  # a config.json of somebody else
        atomic_files.write_json(tmp_path / run_folder.CONFIG, content)
        with pytest.raises(OptionError, match="alone.keras is not in the folder of a run"):
            data_of(tmp_path / "alone.keras")
