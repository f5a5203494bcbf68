"""The command `runs`: finished, unfinished and damaged runs, and means over seeds."""

import csv
import io
import json
import shutil
import statistics
from pathlib import Path

import pytest
from support import ROOT, cli, only_error

from alexnet_keras.training import run_folder

ERRORS = {"a": 0.5, "b": 0.25, "again": 0.75}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Three finished runs with two seeds, and an unfinished run."""
    monkeypatch.chdir(tmp_path)
    root = Path("saved_models")
    for name, seed in (("a", 0), ("b", 1), ("again", 0)):
        shutil.copytree(ROOT / "tests" / "fixtures" / "finished_run", root / name)
        change(root / name / "config.json", seed=seed)
        change(root / name / "evaluation.json", top1_error=ERRORS[name])
    shutil.copytree(ROOT / "tests" / "fixtures" / "unfinished_run", root / "unfinished")


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_table(runs):
    result = cli("runs")
    assert result.code == 0, result.err
    finished, unfinished = result.out.split("\n\n")
    lines = finished.splitlines()
    assert lines[0].startswith("recipe   quickstart with ")
    assert lines[2] == "data     colours"
    assert lines[3].split() == ["run", *["top-1", "val", "error", "top-5", "val", "error"], "epochs", "seed", "time"]
    assert lines[4].split() == ["saved_models/a", "50.00%", "0.00%", "2", "0", "0:03"]
    assert lines[7].split() == ["mean", "of", "2", "seeds", "43.75%", "±", "26.52", "0.00%", "±", "0.00"]
    assert unfinished.splitlines()[-1].split()[:5] == ["saved_models/unfinished", "1", "of", "3", "0"]
    assert {len(line) for line in (*lines[3:], *unfinished.splitlines()[3:])} == {len(lines[3])}  # one width for all


def test_for_programs_and_papers(runs):
    result = cli("runs", "--json").json
    assert [run["best_epoch"] for run in result["runs"]] == [2, 2, 2, 1]
    (mean,) = result["over_seeds"]
    assert mean["seeds"] == [0, 1]
    both = [(ERRORS["a"] + ERRORS["again"]) / 2, ERRORS["b"]]
    assert mean["top1"] == pytest.approx([statistics.fmean(both), statistics.stdev(both)])
    rows = list(csv.DictReader(io.StringIO(cli("runs", "saved_models/b", "--csv").out)))
    assert [(row["run"], row["top1_error"], row["finished"]) for row in rows] == [("saved_models/b", "0.25", "True")]
    lines = cli("runs", "--markdown").out.splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        *("| saved_models/a", "| saved_models/again", "| saved_models/b", "| mean of 2 seeds"),
        "| saved_models/unfinished",
    ]


def test_other_settings_are_no_seeds(runs):
    config = json.loads(Path("saved_models/b/config.json").read_text())
    change(Path("saved_models/b/config.json"), measured={**config["measured"], "train_images": 11})
    assert cli("runs", "--json").json["over_seeds"] == []


def test_a_damaged_run_does_not_hide_the_others(runs):
    Path("saved_models/b/evaluation.json").write_text("{}")
    result = cli("runs", "--json")
    assert result.code == 1
    assert [Path(run["run"]).name for run in result.json["runs"]] == ["a", "again", "unfinished"]
    assert "saved_models/b/evaluation.json is damaged: evaluation has no key 'num_images'." in result.err
    assert result.json["damaged"] == [result.err.removeprefix("Error: ").strip()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "There is no run in saved_models; make one with 'alexnet-keras train', or name another folder."),
        (["absent"], "There is no folder absent; name a run, or a folder of runs."),
        (["--csv", "--json"], "--csv, --markdown and --json exclude each other; omit all but one of them."),
    ],
    ids=str,
)
def test_nothing_to_list_is_one_line(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli("runs", *options)
    assert message in only_error(result)
    assert result.code == 2


def test_rows_of_earlier_versions_have_no_top5_error(runs):
    history = Path("saved_models/a/history.csv").read_text().splitlines()
    assert "top5_error" not in run_folder.read_history(Path("saved_models/a"))[0]
    rows = [dict(zip(history[0].split(","), line.split(","), strict=True)) for line in history[1:]]
    new = {**rows[-1], "epoch": "3", "top5_error": "0.5", "validation_top5_error": "0.25"}
    run_folder.write_history(Path("saved_models/a"), [*rows, new])
    first, *_, last = run_folder.read_history(Path("saved_models/a"))
    assert "top5_error" not in first
    assert (last["top5_error"], last["validation_top5_error"]) == (0.5, 0.25)
