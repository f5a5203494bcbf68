"""Runs are found in folders and summarized, and runs that differ only in their seeds have one mean."""

import json
import shutil
from pathlib import Path

import pytest
from support import ROOT

from alexnet_keras.system.errors import OptionError
from alexnet_keras.training import run_table
from alexnet_keras.training.run_table import RunSummary

FIXTURES = ROOT / "tests" / "fixtures"


def test_a_run_and_the_folder_that_holds_it_give_it_once(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    (tmp_path / "c" / "config.json").unlink()  # no run
    found = run_table.find_runs([tmp_path / "b", tmp_path])
    assert found == [tmp_path / "b", tmp_path / "a"]
    with pytest.raises(OptionError, match=f"There is no run in {tmp_path}/c; make one with 'alexnet-keras train', or"):
        run_table.find_runs([tmp_path / "c"])
    with pytest.raises(OptionError, match="There is no folder absent; name a run, or a folder of runs."):
        run_table.find_runs([tmp_path / "a", Path("absent")])


def test_an_unfinished_run_has_epochs_and_no_errors():
    summary, _ = run_table.summarize(FIXTURES / "unfinished_run")
    assert (summary.epochs, summary.epochs_done, summary.best_epoch) == (3, 1, 1)
    assert not summary.finished
    errors = (summary.top1_error, summary.top1_interval, summary.top5_error, summary.images)
    assert errors == (None, None, None, None)
    assert summary.minutes == pytest.approx(2.61264 / 60)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"seed": 7}, True),
        ({"epochs": 9}, False),
        ({"batch_size": 2}, False),
        ({"policy": "mixed_bfloat16"}, False),
        ({"validation_images": 8}, False),
    ],
    ids=str,
)
def test_only_the_seed_may_differ_between_runs_of_one_mean(changes, same, tmp_path):
    shutil.copytree(FIXTURES / "finished_run", tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    values = json.loads(config.read_text())
    for name, value in changes.items():
        (values["measured"] if name in values["measured"] else values)[name] = value
    config.write_text(json.dumps(values))
    summary, settings = run_table.summarize(tmp_path / "run")
    assert (settings == run_table.summarize(FIXTURES / "finished_run")[1]) == same
    assert (summary.finished, summary.images, summary.best_epoch) == (True, 9, 2)


def summary(run, seed, error, finished=True):
    names = {"run": run, "recipe": "imagenet", "variant": "paper", "data": "shapes", "precision": "float32"}
    errors = {"top1_error": error, "top1_interval": (0.0, 1.0), "top5_error": error / 2}
    counts = {"epochs": 2, "epochs_done": 2, "best_epoch": 1, "images": 9, "minutes": 1.0}
    return RunSummary(seed=seed, finished=finished, **names, **errors, **counts)


def test_each_seed_counts_once_in_a_mean():
    runs = [summary("a", 3, 0.2), summary("b", 3, 0.4), summary("c", 1, 0.5), summary("d", 2, 0.9, finished=False)]
    (mean,) = run_table.over_seeds([*((run, "same") for run in runs), (summary("e", 4, 0.1), "other")])
    assert (mean.runs, mean.seeds) == (("a", "b", "c"), (1, 3))
    assert mean.top1 == pytest.approx((0.4, 0.02**0.5))  # of 0.5 and 0.3
    assert mean.top5 == pytest.approx((0.2, 0.005**0.5))


def test_several_runs_of_one_seed_have_no_mean():
    assert run_table.over_seeds([(summary("a", 3, 0.2), "same"), (summary("b", 3, 0.4), "same")]) == []
