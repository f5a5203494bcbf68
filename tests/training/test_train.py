"""The program: what a run leaves behind, and what it refuses before it starts."""

import csv
import dataclasses
import json
import math
import re
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from support import draw_folder, largest_file
from support.train_tiny import NETWORK

import alexnet_keras
from alexnet_keras.api import run_training
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import reading
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError, OptionError, RunError
from alexnet_keras.training import run_folder
from alexnet_keras.training import train as program
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.train import train


def test_a_run_holds_everything(run, folder):
    names = {path.name for path in run.iterdir()}
    assert names == {
        ".files",
        "README.md",
        "config.json",
        "history.csv",
        "model.keras",
        "evaluation.json",
        "example.png",
        "tensorboard",
    }

    values = json.loads((run / "config.json").read_text())
    assert values["measured"]["class_names"] == ["blue", "green", "red"]
    assert values["data"] == str(folder)
    assert values["architecture"]["name"] == "paper"

    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert tuple(rows[0]) == run_folder.COLUMNS
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())

    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["num_images"] == 9
    assert evaluation["crops"] == 1
    best = min(float(row["validation_top1_error"]) for row in rows)
    assert abs(evaluation["top1_error"] - best) <= 1 / 9 + 1e-6  # the run may have trained in bfloat16
    assert evaluation["provenance"]["versions"]["keras"]

    model = load_model(run / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert model.get_layer("mean").mean == reading.color_statistics(open_dataset(str(folder)).train).mean
    assert list((run / "tensorboard").rglob("events.out.tfevents.*"))


def test_the_same_seed_gives_the_same_weights(config, tmp_path):
    results = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(dataclasses.replace(config, seed=seed, epochs=1), tmp_path / name)
        results.append(load_model(tmp_path / name / run_folder.MODEL).get_weights())
    for first, second in zip(results[0], results[1], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)
    assert not np.allclose(results[0][0], results[2][0])


def test_it_learns_colors(config, tmp_path):
    root = draw_folder(tmp_path / "colours", train=20, val=5)
    wide = dataclasses.replace(NETWORK, filters=(16, 16, 16, 16, 16), hidden_units=(64, 64))
    values = {"data": str(root), "architecture": wide, "epochs": 15, "batch_size": 10, "learning_rate": 0.03}
    evaluation = train(dataclasses.replace(config, **values), tmp_path / "run")
    assert evaluation.top1_error == 0
    assert evaluation.num_images == 15


def test_a_run_records_how_its_shards_were_made(config, tmp_path, monkeypatch):
    prepare(open_dataset(DataSource(name=config.data, upright=False)), tmp_path / "shards", Settings())
    recorded = []

    def build_nothing(config, run, *arguments):
        recorded.append(run_folder.read_config(run_folder.current(run))[0])
        raise RunError("This is enough.")

    monkeypatch.setattr(program, "build_network", build_nothing)
    assert config.upright
    with pytest.raises(RunError, match="This is enough"):
        train(dataclasses.replace(config, data=str(tmp_path / "shards")), tmp_path / "run")
    assert [config.upright for config in recorded] == [False]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_it_trains_in_half_precision(precision, config, tmp_path):
    train(dataclasses.replace(config, precision=precision, epochs=1), tmp_path / "run")
    history = run_folder.read_history(tmp_path / "run")
    assert all(math.isfinite(row["loss"]) for row in history)


def test_steps_per_epoch_shortens_an_epoch_and_its_schedule(config, tmp_path, monkeypatch, capsys):
    """The learning rate ends near zero, even after one epoch."""
    seen = []
    step = CheckpointWriter.on_train_batch_end

    def watch(self, batch, logs=None):
        seen.append(batch)
        step(self, batch, logs)

    monkeypatch.setattr(CheckpointWriter, "on_train_batch_end", watch)
    train(dataclasses.replace(config, steps_per_epoch=10, batch_size=1, epochs=1), tmp_path / "run")
    assert seen == list(range(10))
    (row,) = run_folder.read_history(tmp_path / "run")
    assert row["learning_rate"] < 0.05 * 0.02
    assert_printed(capsys.readouterr().err, tmp_path / "run")


def assert_printed(printed, run):
    """The plan and the line of the epoch: aligned, at most 100 columns, one name for each metric."""
    assert all(len(line) <= 100 for line in printed.splitlines() if str(run) not in line)
    assert "recipe     quickstart with input_size=67, batch_size=1, epochs=1, steps_per_epoch=10" in printed
    assert "\nvariant    tiny\n" in printed
    assert "\ndata       colours: 12 training and 9 validation images of 3 classes\n" in printed
    assert f"\nrun        {run}\n" in printed
    assert re.search(r"^hardware +.* GiB$", printed, re.MULTILINE)
    assert "\nprecision  float32 (as asked), XLA off (" in printed
    assert re.search(r"^disk +\d+\.\d\d MB needed at most, [\d,.]+ GB free$", printed, re.MULTILINE)
    epoch = (
        r"^Epoch 1/1  loss \d.\d{3}  error [\d.]+%  val loss \d.\d{3}  val error [\d.]+%  \d+ images/s  \d+ s  best$"
    )
    assert re.search(epoch, printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"batch_size": 13},
            "`batch_size` 13 is larger than the 12 training images of .*; choose at most 12",
        ),
        (
            {"steps_per_epoch": 4},
            "`steps_per_epoch` 4 is more than the 3 batches of 5 images that .* has; choose at most 3",
        ),
    ],
)
def test_what_is_impossible_leaves_no_folder(changes, message, config, tmp_path):
    with pytest.raises(InputError, match=message):
        train(dataclasses.replace(config, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("memory", [None, 1000])
def test_a_bad_image_leaves_no_folder(split, memory, config, tmp_path, monkeypatch):
    """Whether the images are decoded before training or, for lack of memory, in every epoch."""
    if memory:
        monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=memory, total=memory))
    root = draw_folder(tmp_path / "colours")
    (root / split / "red" / "1.png").write_text("no image")
    with pytest.raises(InputError, match=f"{split}/red/1.png is not a complete"):
        train(dataclasses.replace(config, data=str(root)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_keeps_what_was_there(config, run, tmp_path):
    """No checkpoint fits, so that the old run stays, and a new one leaves nothing."""
    copy = shutil.copytree(run, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    for path, rest in ((copy, " The run before stays as it was."), (tmp_path / "new", "")):
        message = (
            rf"^The files of epoch 1 cannot be written to .* \(File too large\), .*There is no checkpoint yet, so "
            rf"nothing is kept.{rest}$"
        )
        with largest_file(8_000), pytest.raises(RunError, match=message):
            train(config, path, overwrite=True)
    assert {path.name: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_existing_run_is_left_alone(config, run):
    before = (run / "history.csv").read_bytes()
    with pytest.raises(
        InputError, match="exists; choose another `run`, resume it with `resume=True`, or replace it with"
    ):
        train(config, run)
    assert (run / "history.csv").read_bytes() == before


class Recorder(keras.callbacks.Callback):
    """Record the epochs, and the names of what was measured."""

    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, sorted(logs)))
        self.model.stop_training = True


def test_callbacks_of_the_user_see_every_epoch(config, tmp_path):
    recorder = Recorder()
    config = dataclasses.replace(config, steps_per_epoch=1)
    run_training(config, tmp_path / "run", callbacks=(recorder,))
    names = ["accuracy", "loss", "top5_accuracy", "val_accuracy", "val_loss", "val_top5_accuracy"]
    assert recorder.epochs == [(0, names), (1, names)]


def test_a_callback_that_is_none_is_refused(folder, tmp_path):
    message = r"`callbacks` must be instances of keras.callbacks.Callback, got <class '.*Recorder'>."
    with pytest.raises(OptionError, match=message):
        alexnet_keras.train(folder, run=tmp_path / "run", callbacks=[Recorder])
    assert not (tmp_path / "run").exists()
