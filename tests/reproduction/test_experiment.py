"""Two tiny experiments from the first run to the table and the picture: stopped, continued, left alone at the end."""

import dataclasses
import json
import os
import re
import signal
import sys

import pytest
from support import cli, draw_folder, only_error

from alexnet_keras import reproduce
from alexnet_keras.config import experiments
from alexnet_keras.config.experiments import EXPERIMENTS, Experiment, Row, experiment
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.reproduction.experiment import Reproducer, epochs_until
from alexnet_keras.system.errors import InputError, Interrupted, OptionError, RunError
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.run_folder import COLUMNS, read_config, read_history, write_history

NETWORK = dataclasses.replace(
    experiments.FIGURE_1_NETWORK, filters=(4, 4, 4), initializer="he_normal", pixel_stddev=None
)
FAST, SLOW = 0.05, 0.0001


def config(**changes) -> TrainConfig:
    values = {"architecture": NETWORK, "batch_size": 6, "epochs": 2, "precision": "float32", **changes}
    return experiments._small(**values)


def figure(**changes) -> Experiment:
    tanh = dataclasses.replace(NETWORK, activation="tanh")
    rows = (
        Row(name="ReLU", candidates=tuple(config(learning_rate=rate) for rate in (SLOW, FAST))),
        Row(name="tanh", candidates=(config(architecture=tanh, learning_rate=SLOW),)),
    )
    texts = {"title": "A figure", "protocol": "tiny", "published": "six times"}
    return Experiment(**texts, rows=rows, seeds=2, trial_epochs=1, target=0.5, published_ratio=6.0, **changes)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_folder(tmp_path_factory.mktemp("data") / "colours", train=4, val=2, size=(32, 32))


def test_a_figure_is_stopped_continued_and_finished(photos, tmp_path, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "figure-1", figure())
    command = ("reproduce", "figure-1", "--data", photos, "--output", tmp_path / "out", "--epochs", 3)
    left, batch_end = [1], CheckpointWriter.on_train_batch_end

    def stopping(self, batch, logs=None):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        batch_end(self, batch, logs)

    monkeypatch.setattr(CheckpointWriter, "on_train_batch_end", stopping)
    stopped = cli(*command)
    assert stopped.code == 143
    words = " ".join(stopped.err.split())
    assert re.search(
        r"runs 6 to train in \S+, 0 finished before time at most about \S+, estimated from a few measured steps", words
    )
    first = tmp_path / "out" / "relu-learning-rate-0.0001-trial"
    assert stopped.err.splitlines()[-1] == (f"The run {first} was stopped. To continue, call the same command again.")
    assert not (tmp_path / "out" / "figure-1.json").exists()

    finished = cli(*command)
    assert finished.code == 0, finished.err
    assert "Resuming at " in finished.err
    lines = finished.out.splitlines()
    assert lines[:2] == ["experiment  A figure", f"data        {photos}"]
    assert "published   six times." in lines
    number = r"(not reached|\d+\.\d ± \d+\.\d)"
    assert re.search(rf"^ReLU +{number} +(0\.05|0\.0001) +3 +2$", finished.out, re.MULTILINE), finished.out
    assert re.search(rf"^tanh +{number} +0\.0001 +3 +2$", finished.out, re.MULTILINE), finished.out
    assert re.search(r"^Ratio: .*; published: 6 times\.$", lines[-2])
    stored = json.loads((tmp_path / "out" / "figure-1.json").read_text())
    trials = {rate: f"relu-learning-rate-{rate}-trial" for rate in (SLOW, FAST)}
    errors = {rate: read_history(tmp_path / "out" / run)[0]["top1_error"] for rate, run in trials.items()}
    best = min(errors, key=lambda rate: errors[rate])
    assert stored["rows"][0]["learning_rate"] == best
    runs = [f"{name}-seed-{seed}" for name in (f"relu-learning-rate-{best}", "tanh") for seed in (0, 1)]
    configs = [read_config(tmp_path / "out" / run)[0] for run in runs]
    assert [(config.epochs, config.target_error, config.seed) for config in configs] == [(3, 0.5, 0), (3, 0.5, 1)] * 2
    expected = {*trials.values(), *runs}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figure-1.json", "figure-1.png", *expected}
    assert (tmp_path / "out" / "figure-1.png").read_bytes().startswith(b"\x89PNG")

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", None)
    again = cli(*command, "--picture", tmp_path / "again.svg", "--json")
    assert again.code == 0, again.err
    assert re.search(r"runs 0 to train in \S+, 6 finished before$", " ".join(again.err.split()))
    changed = dict.fromkeys(("provenance", "picture"))
    assert {**again.json, **changed} == {**stored, **changed}
    assert "<svg" in (tmp_path / "again.svg").read_text()

    longer = only_error(cli(*command[:-1], 4))
    run = tmp_path / "out" / runs[0]
    assert f"{run} was trained with epochs 3 instead of 4; choose another --output, or remove the folder." in longer
    assert "again.svg exists" in only_error(cli(*command, "--picture", tmp_path / "again.svg"))


def test_errors_are_compared_and_drawn(photos, tmp_path, monkeypatch):
    rows = (
        Row(name="the network", candidates=(config(learning_rate=FAST, epochs=1),), published=0.4),
        Row(name="without a part", candidates=(config(learning_rate=SLOW, epochs=1),), published=0.42),
        Row(name="another", candidates=(config(learning_rate=SLOW, epochs=1, augment=True),)),
    )
    tiny = Experiment(title="Parts", protocol="tiny", published="on ImageNet", rows=rows)

    def pretended(config, run, resume):
        run.mkdir(exist_ok=True)
        error = f"{0.3 + 0.01 * config.seed + (0.1 if config.learning_rate == SLOW else 0):.3f}"
        write_history(run, [{**dict.fromkeys(COLUMNS, "1"), "validation_top1_error": error}])

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", pretended)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    monkeypatch.setitem(EXPERIMENTS, "ablations", tiny)
    result = reproduce("ablations", photos, output=tmp_path)
    base, without, _ = result.rows
    assert base.values == (0.3, 0.31)
    assert base.mean == pytest.approx(0.305)
    assert without.difference == pytest.approx(0.1)
    assert without.published_difference == pytest.approx(0.02)
    assert not without.by_chance
    assert (base.difference, base.probability, base.by_chance) == (None, None, None)
    assert result.ratio is None
    table = cli("reproduce", "ablations", "--data", photos, "--output", tmp_path)
    assert re.search(
        r"^without a part +\S+% ± \S+ +[+-]\S+ +\d\.\d{3}.* 42\.00% +\+2\.00 +1 +2$", table.out, re.MULTILINE
    )
    assert " ".join(table.out.split()).count("a difference is larger than chance if p is below 0.05") == 1


def test_a_learning_rate_that_diverges_is_left_out(photos, tmp_path, monkeypatch):
    experiment = figure()

    def failing(config, run, resume):
        raise RunError("The loss is not finite.")

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", failing)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    reproducer = Reproducer("figure-1", experiment, tmp_path, str(photos))
    trained = []

    def half_failing(config, run, resume):
        if config.learning_rate == FAST:
            failing(config, run, resume)
        trained.append(run.name)
        run.mkdir()
        write_history(run, [dict.fromkeys(COLUMNS, "1")])

    with pytest.raises(RunError, match="The loss is not finite"):
        reproducer.reproduce()
    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", half_failing)
    monkeypatch.setattr(Reproducer, "_value", lambda self, run: 2.0)
    result = reproducer.reproduce()
    assert result.rows[0].learning_rate == SLOW
    assert result.ratio == 1
    assert trained[:3] == [f"relu-learning-rate-0.0001-{name}" for name in ("trial", "seed-0", "seed-1")]


def test_epochs_are_counted_between_two_epochs():
    assert epochs_until(0.25, [0.6, 0.3, 0.2, 0.1]) == pytest.approx(2.5)
    assert epochs_until(0.5, [0.25, 0.2]) == pytest.approx(2 / 3)
    assert epochs_until(0.25, [0.6, 0.3]) is None


def test_mistakes_are_one_line_each(photos, tmp_path, monkeypatch):
    with pytest.raises(
        OptionError, match="There is no experiment 'figure-9'; choose from figure-1, cifar-18, ablations"
    ):
        experiment("figure-9")
    assert "'figure-9' is not one of 'figure-1', 'cifar-18', 'ablations'" in only_error(cli("reproduce", "figure-9"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "figure-1.png").write_bytes(b"mine")
    assert "figure-1.png is not of an earlier call of this experiment; choose another --output." in only_error(
        cli("reproduce", "figure-1", "--data", photos, "--output", tmp_path)
    )
    without_classes = cli("reproduce", "figure-1", "--data", tmp_path / "empty", "--output", tmp_path / "out")
    assert "has no class folders" in only_error(without_classes)
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError, match="`seeds` must be at least 1, got 0"):
        reproduce("figure-1", photos, seeds=0, output=tmp_path / "out")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "Figures need matplotlib" in only_error(cli("reproduce", "figure-1", "--data", photos))
    with pytest.raises(InputError, match="Figures need matplotlib"):
        reproduce("figure-1", photos)


def test_the_signal_of_a_stopped_run_is_kept(photos, tmp_path, monkeypatch):
    def stopped(config, run, resume):
        raise Interrupted("A checkpoint was written.", signal.SIGINT)

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", stopped)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    with pytest.raises(Interrupted, match="was stopped. To continue, call the same command again") as error:
        Reproducer("figure-1", figure(), tmp_path, str(photos)).reproduce()
    assert error.value.signal == signal.SIGINT
