"""Two tiny experiments from the first run to the table and the picture: stopped, continued, left alone at the end."""

import dataclasses
import json
import os
import re
import signal
import sys
from types import SimpleNamespace

import pytest
from support import cli, draw_folder, only_error

from alexnet_keras import reproduce
from alexnet_keras.config import experiments
from alexnet_keras.config.experiments import EXPERIMENTS, Experiment, Row, experiment
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data.color_statistics import ColorStatistics
from alexnet_keras.reproduction.experiment import Reproducer, RowResult, epochs_until
from alexnet_keras.system.errors import DivergedError, InputError, Interrupted, OptionError, RunError
from alexnet_keras.system.progress import duration
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.run_folder import (
    COLUMNS,
    EVALUATION,
    Measured,
    read_config,
    read_history,
    write_config,
    write_history,
)

NETWORK = dataclasses.replace(
    experiments.FIGURE_1_NETWORK, filters=(4, 4, 4), initializer="he_normal", pixel_stddev=None
)
FAST, SLOW = 0.05, 0.0001
THREE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
MEASURED = Measured(
    class_names=("a", "b"),
    train_images=8,
    validation_images=4,
    colors=ColorStatistics(mean=(0.0,) * 3, covariance=THREE, eigenvalues=(1.0,) * 3, eigenvectors=THREE),
    policy="float32",
)


def config(**changes) -> TrainConfig:
    values = {"architecture": NETWORK, "batch_size": 6, "epochs": 2, "precision": "float32", **changes}
    return experiments._small("figure-1", **values)


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
    number = r"(not reached|≥ \d\.\d \(1 of 2 seeds\)|\d+\.\d ± \d+\.\d)"
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


def parts(**changes) -> Experiment:
    rows = (
        Row(name="the network", candidates=(config(learning_rate=FAST, epochs=1),), published=0.4),
        Row(name="without a part", candidates=(config(learning_rate=SLOW, epochs=1),), published=0.42),
        Row(name="another", candidates=(config(learning_rate=SLOW, epochs=1, augment=True),)),
        Row(name="larger", candidates=(config(learning_rate=SLOW, epochs=1, input_size=40, stored_size=40),)),
    )
    return Experiment(title="Parts", protocol="tiny", published="on ImageNet", rows=rows, **changes)


def pretended(config, run, resume):
    """Write what a training with larger errors for later seeds and for the smaller learning rate would."""
    run.mkdir(parents=True, exist_ok=True)
    error = f"{0.3 + 0.01 * config.seed + (0.1 if config.learning_rate == SLOW else 0):.3f}"
    write_config(run, config, MEASURED)
    row = {**dict.fromkeys(COLUMNS, "1"), "validation_top1_error": error, "seconds": "100"}
    write_history(run, [{**row, "epoch": f"{epoch}"} for epoch in range(1, config.epochs + 1)])
    (run / EVALUATION).write_text("{}")


def test_errors_are_compared_and_drawn(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", pretended)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    monkeypatch.setitem(EXPERIMENTS, "ablations", parts())
    result = reproduce("ablations", photos, output=tmp_path)
    base, without, _, larger = result.rows
    assert base.values == (0.3, 0.31)
    assert base.mean == pytest.approx(0.305)
    assert without.difference == pytest.approx(0.1)
    assert without.published_difference == pytest.approx(0.02)
    assert not without.by_chance
    assert larger.difference == pytest.approx(0.1)
    assert (larger.probability, larger.by_chance) == (None, None)  # its images have another size
    assert (base.difference, base.probability, base.by_chance) == (None, None, None)
    assert result.ratio is None
    table = cli("reproduce", "ablations", "--data", photos, "--output", tmp_path)
    assert re.search(
        r"^without a part +\S+% ± \S+ +[+-]\S+ +\d\.\d{3}.* 42\.00% +\+2\.00 +1 +2$", table.out, re.MULTILINE
    )
    assert " ".join(table.out.split()).count("a difference is larger than chance if p is below 0.05") == 1


def test_a_run_that_diverges_is_noted_and_the_others_are_trained(photos, tmp_path, monkeypatch, capsys):
    trained = []

    def half_failing(config, run, resume):
        trained.append(run.name)
        if config.learning_rate == FAST:
            raise DivergedError("The loss is nan.")
        pretended(config, run, resume)

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", half_failing)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    monkeypatch.setattr("alexnet_keras.reproduction.experiment.epochs_until", lambda target, errors: 2.0)
    result = Reproducer("figure-1", figure(), tmp_path / "a", str(photos)).reproduce()
    assert result.rows[0].learning_rate == SLOW
    assert result.ratio == 1
    names = [f"relu-learning-rate-{name}" for name in ("0.0001-trial", "0.05-trial", "0.0001-seed-0", "0.0001-seed-1")]
    assert trained == [*names, "tanh-seed-0", "tanh-seed-1"]
    assert "ReLU, learning rate 0.05, trial has diverged: The loss is nan." in capsys.readouterr().err.splitlines()
    trained.clear()
    Reproducer("figure-1", figure(), tmp_path / "a", str(photos)).reproduce()
    assert trained == []
    slow, fast = figure().rows[0].candidates
    rows = (Row(name="ReLU", candidates=(slow, dataclasses.replace(fast, momentum=0.5))),)
    changed = dataclasses.replace(figure(), rows=rows)
    with pytest.raises(InputError, match="0.05-trial was trained with momentum 0.9 instead of 0.5; choose another"):
        Reproducer("figure-1", changed, tmp_path / "a", str(photos))

    result = Reproducer("ablations", parts(), tmp_path / "b", str(photos)).reproduce()
    first, second, *_ = result.rows
    assert (first.values, first.diverged, first.mean, first.divergence) == ((None, None), (0, 1), None, "diverged")
    assert second.mean == pytest.approx(0.405)
    assert {(row.difference, row.probability) for row in result.rows} == {(None, None)}
    assert result.test == ""


def test_if_all_learning_rates_diverge_the_row_does(photos, tmp_path, monkeypatch):
    def failing(config, run, resume):
        if config.architecture.activation == "relu":
            raise DivergedError("The loss is nan.")
        pretended(config, run, resume)

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", failing)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    result = Reproducer("figure-1", figure(), tmp_path, str(photos)).reproduce()
    assert [row.divergence for row in result.rows] == ["diverged", ""]
    assert result.rows[0].learning_rate == SLOW
    assert result.ratio_in_words == "none, because not every seed of ReLU reaches the target"


def test_another_error_ends_the_experiment(photos, tmp_path, monkeypatch):
    def full(config, run, resume):
        raise RunError("Free some disk space.")

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", full)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    with pytest.raises(RunError, match="Free some disk space"):
        Reproducer("figure-1", figure(), tmp_path, str(photos)).reproduce()


def test_fewer_seeds_than_are_finished_leave_none_out(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", pretended)
    monkeypatch.setattr(Reproducer, "_print_plan", lambda self: None)
    Reproducer("ablations", parts(), tmp_path, str(photos), seeds=3).reproduce()
    monkeypatch.setattr("alexnet_keras.reproduction.experiment.train", None)
    result = Reproducer("ablations", parts(), tmp_path, str(photos), seeds=1).reproduce()
    assert [row.seeds for row in result.rows] == [(0, 1, 2)] * 4
    stored = json.loads((tmp_path / "ablations.json").read_text())
    assert stored["rows"][0]["values"] == [0.3, 0.31, 0.32]


def test_the_time_of_each_kind_of_network_is_estimated_from_its_own_runs(photos, tmp_path, monkeypatch, capsys):
    measured = []

    def planned(config):
        measured.append(config.input_size)
        return SimpleNamespace(hours=config.epochs / 3.6, epochs=config.epochs)  # an epoch takes 1,000 seconds

    monkeypatch.setattr("alexnet_keras.reproduction.experiment.plan", planned)

    def printed(output):
        Reproducer("ablations", parts(), output, str(photos))._print_plan()
        return capsys.readouterr().err.splitlines()[-1]

    assert printed(tmp_path / "new") == f"time        about {duration(8_000)}, estimated from a few measured steps"
    assert measured == [32, 40]
    run = tmp_path / "begun" / "the-network-seed-0"
    pretended(dataclasses.replace(parts().rows[0].candidates[0], data=str(photos)), run, resume=False)
    measured.clear()
    # Five runs of the kind that is finished, and two with larger images.
    expected = f"time        about {duration(2_500)}, estimated from finished runs and a few measured steps"
    assert printed(tmp_path / "begun") == expected
    assert measured == [40]


def result_of(name, values, **changes):
    given = {"learning_rate": 0.01, "epochs": 60, "seeds": tuple(range(len(values))), "runs": (), "deviation": None}
    mean = None if None in values else sum(values) / len(values)
    return RowResult(**{"name": name, "values": values, "mean": mean, **given, **changes})


def test_the_ratio_is_at_least_that_of_the_epochs_that_were_trained(photos, tmp_path, monkeypatch):
    relu, tanh = result_of("ReLU", (7.0, 7.0, 7.0)), result_of("tanh", (45.0, 45.0, None))
    reproducer = Reproducer("figure-1", figure(), tmp_path, str(photos))
    found = reproducer._compared([relu, tanh])
    assert found.ratio == pytest.approx(150 / 3 / 7)
    assert found.ratio_in_words == "tanh takes more than 7.1 times the epochs of ReLU"
    assert reproducer._compared([result_of("ReLU", (8.0,)), result_of("tanh", (None,), epochs=63)]).ratio_in_words == (
        "tanh takes more than 7.8 times the epochs of ReLU"  # 7.875
    )
    diverged = result_of("tanh", (45.0, 45.0, None), diverged=(2,))
    found = reproducer._compared([relu, diverged])
    assert (found.ratio, diverged.divergence) == (None, "diverged (1 of 3 seeds)")
    assert found.ratio_in_words == "none, because not every seed of tanh reaches the target"


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
    with pytest.raises(OptionError, match="`seeds` must be 1 to 100, got 0"):
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
