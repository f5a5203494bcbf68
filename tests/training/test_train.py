"""The program: what a run leaves behind, and what it refuses before it starts."""

import csv
import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder
from tensorflow.python.util import _pywrap_determinism

from alexnet_keras.config.recipes import recipe
from alexnet_keras.data import reading
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.distribution.precision import Jit
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.training import run_folder
from alexnet_keras.training.compile import smoothed_crossentropy
from alexnet_keras.training.recorder import COLUMNS, Recorder
from alexnet_keras.training.train import train


def config(folder, tiny, **changes):
    values = {"data": str(folder), "architecture": tiny, "input_size": 67, "batch_size": 5, "epochs": 2, **changes}
    return dataclasses.replace(recipe("quickstart"), **values)


def test_a_run_holds_everything(run, folder):
    names = {path.name for path in run.iterdir()}
    assert names == {
        ".lock",
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
    assert tuple(rows[0]) == COLUMNS
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


def test_the_same_seed_gives_the_same_weights(folder, tiny, tmp_path):
    results = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(config(folder, tiny, seed=seed, precision="float32"), tmp_path / name)
        results.append(load_model(tmp_path / name / run_folder.MODEL).get_weights())
    for first, second in zip(results[0], results[1], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)
    assert not np.allclose(results[0][0], results[2][0])


def test_it_learns_colors(tmp_path, tiny):
    root = draw_folder(tmp_path / "colours", train=20, val=5)
    wide = dataclasses.replace(tiny, filters=(16, 16, 16, 16, 16), hidden_units=(64, 64))
    evaluation = train(config(root, wide, epochs=15, batch_size=10, learning_rate=0.03), tmp_path / "run")
    assert evaluation.top1_error == 0
    assert evaluation.num_images == 15


def test_xla_trains_to_the_same_weights(folder, tiny, tmp_path, monkeypatch):
    _pywrap_determinism.enable(False)  # an earlier deterministic run forbids XLA in this process
    tiny = dataclasses.replace(tiny, dropout=0.0)
    for jit in ("on", "off"):
        choice = Jit(jit == "on", "for this test")
        monkeypatch.setattr("alexnet_keras.training.train.choose_jit", lambda *_, choice=choice, **__: choice)
        train(config(folder, tiny, precision="float32"), tmp_path / jit)
    compiled, plain = (load_model(tmp_path / jit / "model.keras").get_weights() for jit in ("on", "off"))
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_it_trains_in_half_precision(precision, folder, tiny, tmp_path):
    train(config(folder, tiny, precision=precision), tmp_path / "run")
    history = run_folder.read_history(tmp_path / "run")
    assert all(math.isfinite(row["loss"]) for row in history)


def test_steps_per_epoch_shortens_an_epoch(folder, tiny, tmp_path, monkeypatch):
    seen = []
    step = Recorder.on_train_batch_end

    def watch(self, batch, logs=None):
        seen.append(batch)
        step(self, batch, logs)

    monkeypatch.setattr(Recorder, "on_train_batch_end", watch)
    train(config(folder, tiny, steps_per_epoch=2), tmp_path / "run")
    assert seen == [0, 1, 0, 1]


def test_the_learning_rate_ends_near_zero_even_after_one_epoch(folder, tiny, tmp_path):
    train(config(folder, tiny, epochs=1, batch_size=1), tmp_path / "run")
    (row,) = run_folder.read_history(tmp_path / "run")
    assert row["learning_rate"] < 0.05 * 0.02


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"batch_size": 13},
            "Batches of 13 are larger than the 12 training images of .*; choose --batch-size 12 or less",
        ),
        ({"steps_per_epoch": 4}, "--steps-per-epoch 4 is more than the 3 batches of 5 that .* has; choose at most 3"),
    ],
)
def test_what_cannot_be_leaves_no_folder(changes, message, folder, tiny, tmp_path):
    with pytest.raises(InputError, match=message):
        train(config(folder, tiny, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("memory", [None, 1000])
def test_a_bad_image_leaves_no_folder(split, memory, tiny, tmp_path, monkeypatch):
    """Whether the pictures are decoded beforehand or, for want of memory, as they come."""
    if memory:
        monkeypatch.setattr(reading.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory, total=memory))
    root = draw_folder(tmp_path / "colours")
    (root / split / "red" / "1.png").write_text("no picture")
    with pytest.raises(InputError, match=f"{split}/red/1.png is not a complete"):
        train(config(root, tiny), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_device_without_memory_names_the_batch_size(folder, tiny, tmp_path, monkeypatch):
    def exhausted(self, *arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    monkeypatch.setattr("keras.Model.fit", exhausted)
    with pytest.raises(InputError, match="--batch-size 5 does not fit into the device's memory; choose less"):
        train(config(folder, tiny), tmp_path / "run")


def test_an_existing_run_is_left_alone(run, folder, tiny):
    before = (run / "history.csv").read_bytes()
    with pytest.raises(
        InputError, match="exists; choose another --run, go on with --resume, or replace it with --overwrite"
    ):
        train(config(folder, tiny), run)
    assert (run / "history.csv").read_bytes() == before


def test_label_smoothing_spreads_a_part_of_the_target():
    logits = np.array([[2.0, 0.0, -1.0]], "float32")
    log_probabilities = tf.nn.log_softmax(logits).numpy()[0]
    for smoothing in (0.0, 0.3):
        target = np.array([0, 1, 0]) * (1 - smoothing) + smoothing / 3
        loss = smoothed_crossentropy(smoothing)(np.array([1]), tf.constant(logits))
        np.testing.assert_allclose(loss, [-(target * log_probabilities).sum()], rtol=1e-6)


def test_minutes_that_are_no_number(folder, tiny, tmp_path):
    with pytest.raises(OptionError, match="checkpoint_minutes must be 0 or more, got nan."):
        train(config(folder, tiny), tmp_path / "run", checkpoint_minutes=math.nan)
    assert not (tmp_path / "run").exists()
