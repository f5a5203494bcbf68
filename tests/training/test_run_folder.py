"""Run folders: names, who may write to them, the newest one."""

import contextlib
import dataclasses
import itertools
import os
import shutil
import time
from pathlib import Path

import pytest
from support import ROOT, cli, only_error

from alexnet_keras.api import data_of, find_model, newest_run
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.training import DataSource
from alexnet_keras.system import atomic_files, file_list
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.input_files import read_json
from alexnet_keras.training import run_folder


def make_run(path, age):
    path.mkdir(parents=True)
    model = path / run_folder.MODEL
    model.write_text("")
    os.utime(model, (1000 - age, 1000 - age))


def test_newest_is_the_run_that_last_wrote_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        OptionError, match="There is no run in saved_models; name a model, or make one with 'alexnet-keras train'"
    ):
        newest_run()
    make_run(run_folder.ROOT / "b", age=5)
    make_run(run_folder.ROOT / "a", age=1)
    make_run(run_folder.ROOT / "c", age=9)
    (run_folder.ROOT / "unfinished").mkdir()
    assert newest_run() == run_folder.ROOT / "a"


def test_an_unfinished_run_without_a_model_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("1", "2"):
        (run_folder.ROOT / name).mkdir(parents=True)
        (run_folder.ROOT / name / run_folder.CONFIG).write_text("{}")
    with pytest.raises(OptionError, match="The run .*/2 has no model yet, .* with `run=.*/2` and `resume=True`.$"):
        newest_run()


@pytest.mark.parametrize("made_by_the_user", [True, False])
def test_new_folders_differ_at_the_same_moment_and_stay_only_with_content(made_by_the_user, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    if made_by_the_user:
        run_folder.ROOT.mkdir()
    config = recipe("quickstart")
    with run_folder.reserve(None, config) as first, run_folder.reserve(None, config) as second:
        assert first.match("saved_models/20010909-*-000-quickstart-shapes")
        assert second.name == f"{first.name}-2"
        assert first.is_dir()
        assert second.is_dir()
    assert run_folder.ROOT.exists() == made_by_the_user
    with run_folder.reserve(None, config) as path:
        (path / "config.json").touch()
    assert path.exists()


def test_saved_models_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_folder.ROOT.touch()
    result = cli("train")
    assert "The run folder saved_models/" in only_error(result)
    assert "cannot be written to (Not a directory); choose another --run" in only_error(result)


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


def fail(path, *files, **options):
    """A run that writes some files and fails."""
    with pytest.raises(RuntimeError), run_folder.claim(path, **options):  # noqa: PT012
        for name in files:
            with atomic_files.appear_whole(run_folder.current(path) / name, owner=run_folder.current(path)) as partial:
                partial.write_text("new")
        raise RuntimeError


def test_a_run_without_a_model_is_discarded(tmp_path):
    (tmp_path / "of the user").mkdir()
    fail(tmp_path / "a" / "run", run_folder.HISTORY, "tensorboard/train/events")
    fail(tmp_path / "of the user" / "run", run_folder.HISTORY, "checkpoints/best-00001.keras")
    fail(tmp_path / "of the user")
    assert content(tmp_path) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["of the user"]
    fail(tmp_path / "kept", run_folder.MODEL)
    assert (tmp_path / "kept" / run_folder.MODEL).exists()


def test_what_the_user_adds_to_a_run_that_fails_stays(tmp_path):
    with pytest.raises(RuntimeError), run_folder.claim(tmp_path / "run"):  # noqa: PT012
        (tmp_path / "run" / "checkpoints").mkdir()
        for name in ("model_card.md", "checkpoints/notes.txt"):
            (tmp_path / "run" / name).touch()
        raise RuntimeError
    assert set(content(tmp_path)) == {"run/model_card.md", "run/checkpoints/notes.txt"}


def content(folder):
    """The bytes of all files by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


USERS = (
    "README.md",  # in the list, but changed
    "model_card.md",
    "models/keep.bin",
    "evaluation_by_hand.xlsx",
    "checkpoints/step-best.npz",
    "saved_model/a.txt",
)
OLD = ("model.keras", "checkpoints/step-000000009.npz", "export.json", "model.tflite", "saved_model/saved_model.pb")
NEW = ("history.csv", "checkpoints/step-000000001.npz", "checkpoints/best-00001.keras")


@pytest.fixture(params=[True, False], ids=["with a list of files", "of version 0.1.0"])
def old_run(request, tmp_path):
    """A run with files of the user."""
    run = tmp_path / "run"
    for name in (*USERS, *OLD):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(f"old {name}")
    shutil.copy(ROOT / "tests" / "fixtures" / "finished_run" / "config.json", run)
    if request.param:
        file_list.create(run, ["config.json", "README.md", *OLD])
    return run


def test_a_run_that_fails_before_its_first_checkpoint_leaves_the_old_one(old_run):
    before = content(old_run)
    fail(old_run, *NEW, overwrite=True)
    assert content(old_run) == before
    (old_run / run_folder.NEW).mkdir()  # of a process that was killed
    (old_run / run_folder.NEW / run_folder.HISTORY).touch()
    fail(old_run, overwrite=True)
    assert content(old_run) == before


class Killed(BaseException):
    """Stands for SIGKILL within this process."""


def test_a_kill_while_a_run_is_replaced_leaves_one_of_them(old_run, tmp_path, monkeypatch):
    """Whatever the moment is: the old run with all its files, or the new one after the next `claim`."""
    before, outcomes = content(old_run), []
    for moment in itertools.count(1):
        run, left = shutil.copytree(old_run, tmp_path / str(moment)), [moment]

        def killed(original, left=left):
            def call(*arguments, **options):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                return original(*arguments, **options)

            return call

        config, measured = run_folder.read_config(run)
        with run_folder.claim(run, overwrite=True), monkeypatch.context() as patch:
            new = run_folder.current(run)
            run_folder.write_config(new, dataclasses.replace(config, epochs=77), measured)
            for name in NEW:
                with atomic_files.appear_whole(new / name, owner=new) as partial:
                    partial.write_text("new")
            for owner, name in (
                (os, "replace"),
                (Path, "unlink"),
                (Path, "mkdir"),
                (Path, "rmdir"),
                (shutil, "rmtree"),
            ):
                patch.setattr(owner, name, killed(getattr(owner, name)))
            with contextlib.suppress(Killed):
                run_folder.replace_old(run)
        found = run_folder.read_config(run)[0].epochs
        outcomes.append(found)
        if found != 77:
            assert {name: value for name, value in content(run).items() if run_folder.NEW not in name} == before
            continue
        with run_folder.claim(run, resume=True):
            after = content(run)
        assert set(after) == {*USERS, *NEW, "config.json", ".files", ".lock"}
        assert {name: after[name] for name in USERS} == {name: before[name] for name in USERS}
        assert {after[name] for name in NEW} == {b"new"}
        assert set(file_list.read(run)) == {"config.json", *NEW}
        if left[0] > 0:
            break
    assert outcomes[0] != 77
    assert outcomes == sorted(outcomes)
    assert len(outcomes) > 12


def test_a_folder_that_a_killed_run_had_just_begun_is_used(tmp_path):
    file_list.create(tmp_path)
    for name in (".lock", ".partial-12345678/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with run_folder.claim(tmp_path):
        atomic_files.write_json(tmp_path / "config.json", {}, owner=tmp_path)
    assert set(content(tmp_path)) == {"config.json", ".files"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("policy", "auto"),
        ("class_names", []),
        ("class_names", ["red", "red"]),
        ("train_images", 0),
        ("validation_images", -1),
        ("colours", {"eigenvalues": [1e9, 1, 1]}),
        ("weights", {"sha256": "", "layers": [], "new_layers": [], "mean": [1], "stddev": 1}),
        ("weights", {"sha256": "", "layers": [], "new_layers": [], "mean": [1, 2, 3], "stddev": 0}),
    ],
    ids=str,
)
def test_what_cannot_have_been_measured_is_damage(name, value, tmp_path):
    values = read_json(ROOT / "tests" / "fixtures" / "finished_run" / "config.json")
    before = values["measured"].get(name)
    values["measured"][name] = {**before, **value} if name == "colours" else value
    atomic_files.write_json(tmp_path / "config.json", values)
    shown = {"colours": "colors"}.get(name, name)
    with pytest.raises(InputError, match=f"config.json is damaged, .*: measured.{shown} is impossible, got "):
        run_folder.read_config(tmp_path)


def test_colors_of_two_channels_are_damage(tmp_path):
    values = read_json(ROOT / "tests" / "fixtures" / "finished_run" / "config.json")
    values["measured"]["colours"]["mean"] = [1, 2]
    atomic_files.write_json(tmp_path / "config.json", values)
    with pytest.raises(InputError, match="config.json is damaged, .*three values for each of three colours"):
        run_folder.read_config(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "epoch\n1\n", f"{','.join(run_folder.COLUMNS)}\n1,2\n", f"{','.join(run_folder.COLUMNS)}\n{'a,' * 7}a\n"],
)
def test_a_damaged_history_is_one_line(text, tmp_path):
    (tmp_path / run_folder.HISTORY).write_text(text)
    if not text:
        assert run_folder.read_history(tmp_path) == []
        return
    with pytest.raises(InputError, match="history.csv is damaged .*; resume the run, or restore a copy."):
        run_folder.read_history(tmp_path)


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
    (tmp_path / "run" / run_folder.READY).mkdir()
    with pytest.raises(InputError, match="A new run is replacing the files of .*run; wait a moment, or resume its"):
        find_model(tmp_path / "run")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(
        InputError,
        match=r"photo.jpg is no model; .* .keras, .alexnet, .tflite, .onnx, or make a model of trained weights",
    ):
        find_model(tmp_path / "photo.jpg")


@pytest.mark.parametrize("command", ["info", "evaluate", "export --format tflite", "features --layer fc7"])
def test_a_folder_that_is_no_run_is_named(command, tmp_path):
    name, *options = command.split()
    output = ["--output", tmp_path / "f.npz"] if name == "features" else []
    result = cli(name, tmp_path, *options, *output)
    assert result.code == 1
    assert f"The folder {tmp_path} is neither a run with 'model.keras' nor a SavedModel" in only_error(result)


def test_what_lies_in_a_run_knows_its_data(tmp_path):
    make_run(tmp_path / "run", age=0)
    atomic_files.write_json(tmp_path / "run" / run_folder.CONFIG, {"data": "shapes"})
    assert data_of(tmp_path / "run" / "model.tflite") == DataSource(name="shapes", upright=False)  # an earlier version
    for content in ({}, {"data": {"train": 1}}):  # a config.json of somebody else
        atomic_files.write_json(tmp_path / run_folder.CONFIG, content)
        with pytest.raises(OptionError, match="alone.keras is not in the folder of a run"):
            data_of(tmp_path / "alone.keras")
