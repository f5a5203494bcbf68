"""Going on with a run from wherever it stopped, or one line that says why not."""

import dataclasses
import errno
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from support import cli, draw_folder, only_error
from support.processes import history

from alexnet_keras.config import recipes
from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.schedules import LayerRate, Plateau, Steps
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, Interrupted, RunError
from alexnet_keras.training import checkpoints, run_folder
from alexnet_keras.training.recorder import Recorder
from alexnet_keras.training.train import train

TINY = Architecture(name="tiny", towers=2, filters=(8,) * 5, hidden_units=(16, 16), initializer="he_normal")


def two_epochs(folder):
    """Of three steps; each is followed by two of validation."""
    values = {"data": str(folder), "architecture": TINY, "input_size": 67, "batch_size": 5, "epochs": 2}
    return dataclasses.replace(recipes.quickstart(), **values, precision="float32")


@pytest.fixture
def config(folder):
    return two_epochs(folder)


@pytest.fixture
def stop_after(monkeypatch):
    """Send this process SIGTERM after so many batches, of training and of validation."""

    def arrange(batches):
        left = [batches]

        def counting(original):
            def batch_end(self, batch, logs=None):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGTERM)
                original(self, batch, logs)

            return batch_end

        for name in ("on_train_batch_end", "on_test_batch_end"):
            monkeypatch.setattr(Recorder, name, counting(getattr(Recorder, name)))

    return arrange


def assert_same(run, other):
    assert history(run) == history(other)
    for weight, expected in zip(
        *(load_model(path / run_folder.MODEL).get_weights() for path in (run, other)), strict=True
    ):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-7)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """A run that nothing stopped."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(two_epochs(folder), path)
    return path


def killed(config, run, batches, stop_after, monkeypatch, **options):
    """A run that stopped after so many batches."""
    stop_after(batches)
    with pytest.raises(Interrupted):
        train(config, run, **options)
    monkeypatch.undo()
    return run


@pytest.mark.parametrize(
    ("batches", "index"),
    [
        pytest.param(2, "epoch 1, step 2", id="within an epoch"),
        pytest.param(3, "epoch 1, step 3", id="after its last step", marks=pytest.mark.slow),
        pytest.param(5, "epoch 1, step 3", id="in its validation"),
        pytest.param(7, "epoch 2, step 2", id="in the last epoch", marks=pytest.mark.slow),
    ],
)
def test_it_goes_on_from_every_place(batches, index, config, whole, stop_after, monkeypatch, tmp_path, capsys):
    stop_after(batches)
    with pytest.raises(Interrupted, match=f"Stopped by SIGTERM at {index}. Go on with: .*--resume") as stopped:
        train(config, tmp_path)
    assert stopped.value.signal == signal.SIGTERM
    monkeypatch.undo()
    capsys.readouterr()
    train(config, tmp_path, resume=True)
    assert f"Going on at {index}.\n" in capsys.readouterr().err
    assert_same(tmp_path, whole)
    assert not (tmp_path / run_folder.CHECKPOINTS).exists()


def test_events_are_functions_of_the_epoch(config, stop_after, monkeypatch, tmp_path):
    """Colour noise off after an epoch, conv1 slow then frozen, biases at their own rate: as if nothing had stopped."""
    rates = (LayerRate(epoch=1.5, layer="conv1", rate=1e-5), LayerRate(epoch=2, layer="conv1", rate=0.0))
    changes = {"epochs": 3, "layer_rates": rates, "pca_noise": "original", "pca_noise_epochs": 1}
    config = dataclasses.replace(config, biases_follow_schedule=False, **changes)
    train(config, tmp_path / "whole")
    run = killed(config, tmp_path / "run", 7, stop_after, monkeypatch)  # at epoch 2, step 2
    train(config, run, resume=True)
    assert_same(run, tmp_path / "whole")


def test_the_scale_of_the_loss_survives(config, stop_after, monkeypatch, tmp_path):
    half = dataclasses.replace(config, precision="mixed_float16", epochs=1)
    run = killed(half, tmp_path / "run", 2, stop_after, monkeypatch)
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
    assert f"{run} is finished; there is nothing to go on with.\n" in result.err
    assert result.json["num_images"] == 9
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", 3], "--epochs 3 contradicts .*, which has 2; leave it out, or start another run"),
        (["--schedule", "steps"], "--schedule steps contradicts .*, which has cosine"),
        (["--data", "shapes"], "--data shapes contradicts .*, which has .*colours"),
        (["--deterministic"], "--deterministic True contradicts .*, which has False"),
        (["--overwrite"], "Give --resume or --overwrite, not both"),
    ],
)
def test_what_contradicts_the_run_is_refused(options, message, run):
    import re

    result = cli("train", "--run", run, "--resume", *options)
    assert re.search(message, only_error(result))
    assert result.code == 2


def test_what_agrees_with_the_run_may_be_said_again(run, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    options = ["--data", folder.name, "--epochs", 2, "--recipe", "quickstart", "--schedule", "cosine"]
    assert cli("train", "--run", run, "--resume", *options).code == 0


def test_resume_needs_a_run(tmp_path):
    result = cli("train", "--resume")
    assert "--resume needs the folder of the run to go on with; name it with --run" in only_error(result)
    assert result.code == 2
    result = cli("train", "--resume", "--run", tmp_path / "absent")
    assert "absent is no run: it has no config.json" in only_error(result)
    assert result.code == 1
    assert not (tmp_path / "absent").exists()


def test_a_damaged_configuration_is_named(run, tmp_path):
    values = atomic_files.read_json(run / run_folder.CONFIG)
    atomic_files.write_json(tmp_path / "run" / run_folder.CONFIG, {**values, "colour": "blue"})
    result = cli("train", "--resume", "--run", tmp_path / "run")
    assert "config.json is damaged, or of another version: config has an unknown key 'colour'" in only_error(result)
    atomic_files.write_json(
        tmp_path / "run" / run_folder.CONFIG, {key: values[key] for key in values if key != "measured"}
    )
    result = cli("train", "--resume", "--run", tmp_path / "run")
    assert "measured must be an object, got None" in only_error(result)


def test_other_data_are_refused(config, stop_after, monkeypatch, tmp_path):
    root = draw_folder(tmp_path / "colours")
    run = killed(dataclasses.replace(config, data=str(root)), tmp_path / "run", 1, stop_after, monkeypatch)
    before = sorted(path.name for path in run.rglob("*"))
    (root / "train" / "red" / "0.jpg").unlink()
    with pytest.raises(InputError, match="run began with 12 training images; colours now has 11; bring the data back"):
        train(dataclasses.replace(config, data=str(root)), run, resume=True)
    for split in ("train", "val"):
        shutil.move(root / split / "red", root / split / "crimson")
    with pytest.raises(
        InputError, match="trained on the classes blue, green, red; colours now has blue, crimson, green"
    ):
        train(dataclasses.replace(config, data=str(root)), run, resume=True)
    assert sorted(path.name for path in run.rglob("*")) == before


def test_a_run_without_a_checkpoint_begins_again(config, stop_after, monkeypatch, tmp_path):
    run = killed(config, tmp_path / "run", 1, stop_after, monkeypatch)
    shutil.rmtree(run / run_folder.CHECKPOINTS)
    (run / ".partial-12345678-history.csv").touch()  # what was just being written
    train(config, run, resume=True)
    assert [row["epoch"] for row in history(run)] == [1, 2]
    assert not list(run.glob(".partial*"))


def test_a_model_without_a_checkpoint_is_not_thrown_away(config, stop_after, monkeypatch, tmp_path):
    run = killed(config, tmp_path / "run", 7, stop_after, monkeypatch)
    shutil.rmtree(run / run_folder.CHECKPOINTS)
    with pytest.raises(
        InputError, match="has a model but no checkpoint, so there is nothing to resume; begin again wi"
    ):
        train(config, run, resume=True)
    assert (run / run_folder.MODEL).exists()


def test_a_damaged_checkpoint_costs_some_steps_and_no_row(config, whole, stop_after, monkeypatch, tmp_path, capsys):
    run = killed(config, tmp_path / "run", 7, stop_after, monkeypatch)
    newest = max((run / run_folder.CHECKPOINTS).glob("step-*.npz"))
    newest.write_bytes(newest.read_bytes()[:-1])
    train(config, run, resume=True)
    assert (
        "going back to step-000000003.npz, the end of epoch 1.\nGoing on at the end of epoch 1."
        in capsys.readouterr().err
    )
    assert_same(run, whole)


class Killed(BaseException):
    """Death by SIGKILL, as far as one process can play it."""


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
        if len(calls) == 30:  # in the second checkpoint
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, array, **options)

    monkeypatch.setattr(checkpoints.np.lib.format, "write_array", full)
    train(config, tmp_path / "run", checkpoint_minutes=0)
    said = capsys.readouterr().err
    assert "could not be written (No space left on device); training goes on" in said
    assert [row["epoch"] for row in history(tmp_path / "run")] == [1, 2]


def test_a_full_disk_at_an_epochs_end_stops_the_run(config, monkeypatch, tmp_path):
    def full(self, epoch):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Recorder, "_save_best", full)
    message = (
        "Epoch 1 could not be .*: No space left on device. Make room, and --resume. The last good checkpoint is .*2.npz"
    )
    with pytest.raises(RunError, match=message):
        train(config, tmp_path / "run", checkpoint_minutes=0)
    monkeypatch.undo()
    train(config, tmp_path / "run", resume=True)
    assert [row["epoch"] for row in history(tmp_path / "run")] == [1, 2]


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(config, tmp_path):
    high = dataclasses.replace(config, learning_rate=1e30)
    with pytest.raises(RunError, match="There was no checkpoint yet.*|The last good checkpoint is") as error:
        train(high, tmp_path / "run", checkpoint_minutes=0)
    assert "Likely the learning rate of 1e+30 is too high" in str(error.value)
    for path in (tmp_path / "run" / run_folder.CHECKPOINTS).glob("*.npz"):
        with np.load(path) as arrays:
            assert all(np.isfinite(arrays[name]).all() for name in arrays.files if name.endswith(("0", "1")))


def test_a_loss_that_is_no_number_is_exit_code_1(folder, tmp_path, monkeypatch, tiny):
    small = dataclasses.replace(recipes.quickstart(), architecture=tiny, input_size=67, batch_size=5)
    monkeypatch.setitem(recipes.RECIPES, "quickstart", lambda: small)
    result = cli("train", "--data", folder, "--run", tmp_path / "run", "--learning-rate", "1e30", "--schedule", "steps")
    assert result.code == 1
    assert "Error: " in result.err.splitlines()[-1]
    assert "train again with --learning-rate 0.01" in result.err.splitlines()[-1]


def test_nothing_is_overwritten_unless_asked(config, run, tmp_path):
    with pytest.raises(
        InputError, match="exists; choose another --run, go on with --resume, or replace it with --over"
    ):
        train(config, run)
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "notes.txt").write_text("mine")
    (copy / "model.tflite").touch()
    train(dataclasses.replace(config, epochs=1), copy, overwrite=True)
    assert len(history(copy)) == 1
    assert (copy / "notes.txt").exists()
    assert not (copy / "model.tflite").exists()


def test_an_overwriting_run_that_cannot_begin_leaves_the_old_one(config, run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    with pytest.raises(InputError, match="Batches of 13 are larger"):
        train(dataclasses.replace(config, batch_size=13), copy, overwrite=True)
    assert len(history(copy)) == 2
    assert (copy / run_folder.MODEL).exists()


def test_what_is_no_run_is_not_overwritten(config, folder, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(InputError, match="home exists; choose another --run, or remove it"):
        train(config, tmp_path / "home", overwrite=True)
    atomic_files.write_json(tmp_path / "home" / run_folder.CONFIG, {"somebody": "else"})
    with pytest.raises(InputError, match="config.json is damaged, or of another version"):
        train(config, tmp_path / "home", overwrite=True)
    assert sorted(os.listdir(tmp_path / "home")) == ["config.json", "thesis.tex"]


def test_history_has_the_rate_of_each_epochs_last_step(config, tmp_path):
    schedule = Steps(boundaries=(1, 2), divide_by=10)
    train(dataclasses.replace(config, schedule=schedule, epochs=3, learning_rate=0.01), tmp_path / "run")
    assert [row["learning_rate"] for row in history(tmp_path / "run")] == pytest.approx([0.01, 0.001, 0.0001])


def test_plateau_divides_stops_and_survives_an_interruption(config, stop_after, monkeypatch, tmp_path):
    schedule = Plateau(patience=1, threshold=0.99, reductions=2)  # nothing counts as improvement after the first epoch
    long = dataclasses.replace(config, schedule=schedule, epochs=9, learning_rate=0.01)
    train(long, tmp_path / "whole")
    rates = [row["learning_rate"] for row in history(tmp_path / "whole")]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.0001])  # and stops
    run = killed(long, tmp_path / "run", 13, stop_after, monkeypatch)  # in the third epoch
    train(long, run, resume=True)
    assert_same(run, tmp_path / "whole")
