"""A run resumes from wherever it stopped, or one line says why it cannot."""

import dataclasses
import errno
import os
import re
import shutil
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import cli, draw_folder, only_error
from support.processes import history
from support.train_tiny import NETWORK

import alexnet_keras
from alexnet_keras.config import recipes
from alexnet_keras.config.schedules import LayerRate, Plateau, Steps
from alexnet_keras.data import pipeline
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, RunError
from alexnet_keras.system.input_files import read_json
from alexnet_keras.training import checkpoints, run_folder
from alexnet_keras.training.train import train


def assert_same(run, other):
    assert history(run) == history(other)
    for weight, expected in zip(
        *(load_model(path / run_folder.MODEL).get_weights() for path in (run, other)), strict=True
    ):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-7)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """A run that nothing stopped."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(config, path)
    return path


@pytest.fixture(scope="module")
def stopped_runs(config, stopped, tmp_path_factory):
    """Runs that were stopped in the first step, and in the second epoch."""
    runs = {name: tmp_path_factory.mktemp("runs") / name for name in ("first step", "second epoch")}
    stopped(config, runs["first step"], 1)
    stopped(config, runs["second epoch"], 7)
    return runs


@pytest.fixture
def in_first_step(stopped_runs, tmp_path):
    return Path(shutil.copytree(stopped_runs["first step"], tmp_path / "run"))


@pytest.fixture
def in_second_epoch(stopped_runs, tmp_path):
    return Path(shutil.copytree(stopped_runs["second epoch"], tmp_path / "run"))


@pytest.mark.parametrize(
    ("batches", "position"),
    [
        pytest.param(2, "epoch 1, step 2", id="within an epoch", marks=pytest.mark.slow),
        pytest.param(3, "epoch 1, step 3", id="after its last step", marks=pytest.mark.slow),
        pytest.param(5, "epoch 1, step 3", id="in its validation"),
        pytest.param(7, "epoch 2, step 2", id="in the last epoch", marks=pytest.mark.slow),
    ],
)
def test_a_run_resumes_from_every_position(batches, position, config, whole, stopped, tmp_path, capsys):
    error = stopped(config, tmp_path, batches)
    assert re.fullmatch(
        f"Stopped by SIGTERM at {position}. To continue, train with `run=.*` and `resume=True`.", str(error)
    )
    assert error.signal == signal.SIGTERM
    capsys.readouterr()
    train(config, tmp_path, resume=True)
    assert f"Resuming at {position}.\n" in capsys.readouterr().err
    assert_same(tmp_path, whole)
    assert not (tmp_path / run_folder.CHECKPOINTS).exists()


def test_events_are_functions_of_the_epoch(config, stopped, tmp_path):
    """Noise ends after an epoch, conv1 slows down and freezes, and biases keep their learning rate."""
    rates = (LayerRate(epoch=1.5, layer="conv1", rate=1e-5), LayerRate(epoch=2, layer="conv1", rate=0.0))
    changes = {"epochs": 3, "layer_rates": rates, "pca_noise": "original", "pca_noise_epochs": 1}
    changes |= {"schedule": Steps(boundaries=(1, 2), divide_by=10), "learning_rate": 0.01}
    config = dataclasses.replace(config, biases_follow_schedule=False, **changes)
    train(config, tmp_path / "whole")
    rates_of_last_steps = [row["learning_rate"] for row in history(tmp_path / "whole")]
    assert rates_of_last_steps == pytest.approx([0.01, 0.001, 0.0001])
    stopped(config, tmp_path / "run", 7)  # at epoch 2, step 2
    train(config, tmp_path / "run", resume=True)
    assert_same(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("batches", [2, 7])
def test_small_images_come_first(batches, config, stopped, tmp_path, monkeypatch):
    """The first epoch has images of 40 pixels, the second has 67. A run resumes from both, to the same weights."""
    sizes = []
    make = pipeline.train_dataset

    def recorded(*arguments, **options):
        dataset = make(*arguments, **options)
        sizes.append(dataset.element_spec[0].shape[1])
        return dataset

    monkeypatch.setattr(pipeline, "train_dataset", recorded)
    config = dataclasses.replace(config, small_input_size=40, small_fraction=0.5, min_crop_area=0.5)
    train(config, tmp_path / "whole")
    assert sizes == [40, 67]
    assert load_model(tmp_path / "whole" / run_folder.MODEL).input_shape == (None, 67, 67, 3)
    stopped(config, tmp_path / "run", batches)
    train(config, tmp_path / "run", resume=True)
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_the_scale_of_the_loss_survives(config, stopped, tmp_path):
    half = dataclasses.replace(config, precision="mixed_float16", epochs=1)
    run = tmp_path / "run"
    stopped(half, run, 2)
    with np.load(next((run / run_folder.CHECKPOINTS).glob("step-*.npz"))) as arrays:
        scalars = {
            float(arrays[name]) for name in arrays.files if name.startswith("optimizer/") and not arrays[name].shape
        }
    assert 2.0**15 in scalars  # as it begins
    assert 2.0 in scalars  # steps since it changed
    train(half, run, resume=True)
    assert len(history(run)) == 1


def test_a_finished_run_says_so(run, folder):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    result = cli("train", "--run", run, "--resume", "--json")
    assert result.code == 0
    assert f"{run} is finished; there is nothing to resume.\n" in result.err
    assert result.json["num_images"] == 9
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", 1], "--epochs 1 contradicts the run .*, which has 2; omit it, or start another run"),
        (
            ["--epochs", 3],
            "--epochs 3 cannot continue the run .*: its schedule cosine lowers the learning rate to 0 within 2 epochs. "
            "Train another --run with --weights .*model.keras; its last layer then gets random initial",
        ),
        (["--set", "schedule=linear"], r"--set schedule=Linear\(\) contradicts the run .*, which has Cosine"),
        (["--data", "shapes"], "--data shapes contradicts the run .*, which has .*colours"),
        (["--deterministic"], "--deterministic contradicts the run .*, which has False"),
        (["--overwrite"], "--resume and --overwrite exclude each other"),
    ],
)
def test_what_contradicts_the_run_is_refused(options, message, run):
    result = cli("train", "--run", run, "--resume", *options)
    assert re.search(message, only_error(result))
    assert result.code == 2


@pytest.fixture(scope="module")
def in_steps(config):
    """A run whose learning rate does not depend on the number of epochs."""
    return dataclasses.replace(config, schedule=Steps(boundaries=(1,), divide_by=10), epochs=1)


@pytest.fixture(scope="module")
def longer(in_steps, tmp_path_factory):
    """That run, with another epoch from the start."""
    path = tmp_path_factory.mktemp("runs") / "longer"
    train(dataclasses.replace(in_steps, epochs=2), path)
    return path


@pytest.mark.parametrize("finished", [True, False])
def test_more_epochs_continue_a_run_as_if_it_had_them_from_the_start(finished, in_steps, longer, stopped, tmp_path):
    config, run, whole = in_steps, tmp_path / "run", longer
    if finished:
        train(config, run)
        assert sorted(path.name for path in (run / run_folder.CHECKPOINTS).iterdir()) == WRITES[:2]
    else:
        stopped(config, run, 2)
    result = alexnet_keras.train(run=run, resume=True, epochs=2)
    assert_same(run, whole)
    assert result.config == run_folder.read_config(whole)[0]
    assert result.evaluation.top1_error == run_folder.read_evaluation(run).top1_error


def test_options_that_agree_with_the_run_may_be_repeated(run, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    options = ["--data", folder.name, "--epochs", 2, "--recipe", "quickstart"]
    assert cli("train", "--run", run, "--resume", *options).code == 0


def test_resume_needs_a_run(tmp_path):
    result = cli("train", "--resume")
    assert "--resume needs the folder of the run to continue; name it with --run" in only_error(result)
    assert result.code == 2
    result = cli("train", "--resume", "--run", tmp_path / "absent")
    assert "absent is no run: it has no config.json; name a folder that 'alexnet-keras train' wrote." in only_error(
        result
    )
    assert result.code == 1
    assert not (tmp_path / "absent").exists()


def test_a_damaged_configuration_is_named(run, tmp_path):
    values = read_json(run / run_folder.CONFIG)
    atomic_files.write_json(tmp_path / "run" / run_folder.CONFIG, {**values, "colour": "blue"})
    result = cli("train", "--resume", "--run", tmp_path / "run")
    assert "config.json is damaged, or of another version: config has an unknown key 'colour'" in only_error(result)
    atomic_files.write_json(
        tmp_path / "run" / run_folder.CONFIG, {key: values[key] for key in values if key != "measured"}
    )
    result = cli("train", "--resume", "--run", tmp_path / "run")
    assert "measured must be an object, got None" in only_error(result)


def test_other_data_are_refused(config, in_first_step, tmp_path):
    root = draw_folder(tmp_path / "colours")
    config = dataclasses.replace(config, data=str(root))
    before = sorted(path.name for path in in_first_step.rglob("*"))
    (root / "train" / "red" / "0.jpg").unlink()
    with pytest.raises(InputError, match="run began with 12 training images; colours now has 11: restore the data, or"):
        train(config, in_first_step, resume=True)
    for split in ("train", "val"):
        shutil.move(root / split / "red", root / split / "crimson")
    with pytest.raises(
        InputError, match="trained on the classes blue, green, red; colours now has blue, crimson, green"
    ):
        train(config, in_first_step, resume=True)
    assert sorted(path.name for path in in_first_step.rglob("*")) == before


def test_a_run_without_a_checkpoint_starts_again(config, in_first_step):
    shutil.rmtree(in_first_step / run_folder.CHECKPOINTS)
    (in_first_step / ".partial-12345678").mkdir()  # with what was just being written
    train(config, in_first_step, resume=True)
    assert [row["epoch"] for row in history(in_first_step)] == [1, 2]
    assert not list(in_first_step.glob(".partial*"))


def test_a_model_without_a_checkpoint_is_not_thrown_away(config, in_second_epoch):
    shutil.rmtree(in_second_epoch / run_folder.CHECKPOINTS)
    with pytest.raises(
        InputError, match="has a model but no checkpoint, so it cannot be resumed; start again with `overwrite=True`"
    ):
        train(config, in_second_epoch, resume=True)
    assert (in_second_epoch / run_folder.MODEL).exists()


def test_a_damaged_checkpoint_costs_some_steps_and_no_row(config, whole, in_second_epoch, capsys):
    newest = max((in_second_epoch / run_folder.CHECKPOINTS).glob("step-*.npz"))
    newest.write_bytes(newest.read_bytes()[:-1])
    train(config, in_second_epoch, resume=True)
    assert (
        "resuming from step-000000003.npz, the end of epoch 1.\nResuming at the end of epoch 1."
        in capsys.readouterr().err
    )
    assert_same(in_second_epoch, whole)


class Killed(BaseException):
    """Stands for SIGKILL within this process."""


@pytest.fixture
def ended(config, monkeypatch, tmp_path):
    """A run that was killed after its last epoch, before it was measured."""

    def die(*arguments):
        raise Killed

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("alexnet_keras.training.train.evaluate", die)
        with pytest.raises(Killed):
            train(config, run)
    return run


def test_a_run_that_was_killed_after_its_last_epoch_is_only_measured(config, whole, ended, capsys):
    checkpoint, *_ = checkpoints.newest_first(ended)
    with zipfile.ZipFile(checkpoint) as archive:
        assert archive.namelist() == [checkpoints.STATE]  # no step can follow, so it needs no variables
    before = (ended / run_folder.HISTORY).read_bytes()
    (ended / run_folder.MODEL).unlink()
    (ended / run_folder.HISTORY).write_text("")
    capsys.readouterr()
    evaluation = train(config, ended, resume=True)
    assert "Resuming at the end of epoch 2." in capsys.readouterr().err
    assert (ended / run_folder.HISTORY).read_bytes() == before
    assert evaluation.top1_error == run_folder.read_evaluation(whole).top1_error
    assert_same(ended, whole)


def test_a_complete_run_whose_configuration_was_changed_gets_no_epochs(config, ended):
    recorded, measured = run_folder.read_config(ended)
    run_folder.write_config(ended, dataclasses.replace(recorded, epochs=3), measured)
    with pytest.raises(InputError, match="kept no weights at its end, after 2 epochs, so it cannot get 3; start again"):
        train(dataclasses.replace(config, epochs=3), ended, resume=True)
    assert (ended / run_folder.MODEL).exists()


WRITES = ["best-00001.keras", "step-000000003.npz", "model.keras", "history.csv"]  # of an epoch's end, in this order


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in WRITES[::2]] + WRITES[1::2])
def test_a_death_before_any_write_of_an_epochs_end_shows_in_no_file(name, config, whole, monkeypatch, tmp_path):
    replace = os.replace

    def die(source, target):
        if Path(target).name == name and list(tmp_path.glob("checkpoints/step-*.npz")):
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(Killed):
            train(config, tmp_path, checkpoint_minutes=0)
    train(config, tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(config, monkeypatch, tmp_path, capsys):
    write = checkpoints.np.lib.format.write_array
    calls = []

    def full(file, array, **options):
        calls.append(1)
        if len(calls) == 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, array, **options)

    monkeypatch.setattr(checkpoints.np.lib.format, "write_array", full)
    train(config, tmp_path / "run", checkpoint_minutes=0)
    printed = capsys.readouterr().err
    assert "cannot be written (No space left on device). Training continues" in printed
    assert [row["epoch"] for row in history(tmp_path / "run")] == [1, 2]


def test_a_full_disk_at_an_epochs_end_stops_the_run(config, monkeypatch, tmp_path):
    def full(self, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    message = (
        r"The files of epoch 1 cannot be written to .*run \(No space left on device\), so .* Free some disk space. "
        "The last good checkpoint is .*2.npz; continue from it with `run=.*run` and `resume=True`."
    )
    with monkeypatch.context() as patch:
        patch.setattr("keras.Model.save", full)
        with pytest.raises(RunError, match=message):
            train(config, tmp_path / "run", checkpoint_minutes=0)
    train(config, tmp_path / "run", resume=True)
    assert [row["epoch"] for row in history(tmp_path / "run")] == [1, 2]


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(config, tmp_path):
    network = dataclasses.replace(NETWORK, towers=1)
    high = dataclasses.replace(
        config, learning_rate=1000.0, schedule=Steps(boundaries=(2,)), epochs=9, architecture=network
    )
    with pytest.raises(RunError, match="There is no checkpoint yet|The last good checkpoint is") as error:
        train(high, tmp_path / "run", checkpoint_minutes=0)
    assert "Probably the learning rate of 1000 is too high" in str(error.value)
    for path in (tmp_path / "run" / run_folder.CHECKPOINTS).glob("*.npz"):
        with np.load(path) as arrays:
            assert all(np.isfinite(arrays[name]).all() for name in arrays.files if name.endswith(("0", "1")))


def test_a_loss_that_is_not_finite_is_exit_code_1(folder, tmp_path, monkeypatch, tiny):
    tiny = dataclasses.replace(tiny, towers=1)
    small = dataclasses.replace(recipes.quickstart(), architecture=tiny, input_size=67, batch_size=5)
    monkeypatch.setitem(recipes.RECIPES, "quickstart", lambda: small)
    result = cli(
        "train",
        "--data",
        folder,
        "--run",
        tmp_path / "run",
        "--learning-rate",
        "1000",
        "--epochs",
        "9",
        "--set",
        "schedule=steps:boundaries=2",
    )
    assert result.code == 1
    assert "Error: " in result.err.splitlines()[-1]
    assert "train with --learning-rate 0.01" in result.err.splitlines()[-1]


def test_nothing_is_overwritten_unless_asked(config, run, tmp_path):
    with pytest.raises(InputError, match="exists; choose another `run`, resume it with `resume=True`, or replace it"):
        train(config, run)
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "notes.txt").write_text("mine")
    (copy / "model.tflite").touch()  # the program has written no such file
    train(dataclasses.replace(config, epochs=1), copy, overwrite=True)
    assert len(history(copy)) == 1
    assert (copy / "notes.txt").exists()
    assert (copy / "model.tflite").exists()
    assert len(list((copy / "tensorboard" / "train").iterdir())) == 1


def test_an_overwriting_run_that_cannot_begin_leaves_the_old_one(config, run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    with pytest.raises(InputError, match="`batch_size` 13 is larger"):
        train(dataclasses.replace(config, batch_size=13), copy, overwrite=True)
    assert len(history(copy)) == 2
    assert (copy / run_folder.MODEL).exists()


def test_a_folder_that_is_no_run_is_not_overwritten(config, folder, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(InputError, match="home exists; choose another `run`, or remove it"):
        train(config, tmp_path / "home", overwrite=True)
    atomic_files.write_json(tmp_path / "home" / run_folder.CONFIG, {"somebody": "else"})
    with pytest.raises(InputError, match="config.json is damaged, or of another version: .* Restore a copy, or use"):
        train(config, tmp_path / "home", overwrite=True)
    assert sorted(os.listdir(tmp_path / "home")) == ["config.json", "thesis.tex"]


def test_plateau_divides_stops_and_survives_an_interruption(config, stopped, tmp_path, capsys):
    schedule = Plateau(patience=1, threshold=0.99, reductions=2)  # nothing counts as improvement after the first epoch
    long = dataclasses.replace(config, schedule=schedule, epochs=9, learning_rate=0.01)
    train(long, tmp_path / "whole")
    rates = [row["learning_rate"] for row in history(tmp_path / "whole")]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.0001])  # and stops
    assert not (tmp_path / "whole" / run_folder.CHECKPOINTS).exists()  # more epochs would change nothing
    printed = capsys.readouterr().err
    assert "The val error has not improved for 1 epochs: the learning rate becomes 0.001.\n" in printed
    assert "The val error has not improved for 1 epochs: training ends.\n" in printed
    stopped(long, tmp_path / "run", 13)  # in the third epoch
    train(long, tmp_path / "run", resume=True)
    assert_same(tmp_path / "run", tmp_path / "whole")
