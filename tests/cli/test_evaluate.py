"""The command `evaluate`: one model and several, and the files for a paper."""

import csv
import json
import shutil
import warnings
from pathlib import Path

import pytest
from support import cli, only_error

import alexnet_keras
from alexnet_keras.inference.evaluation import wilson


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_of_a_run(run, tmp_path):
    result = cli("evaluate", run, "--report", tmp_path / "report", "--output", tmp_path / "images.csv", "--json")
    assert result.code == 0, result.err
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    confusion = written.pop("confusion")
    assert written == result.json
    (model,) = written["models"]
    assert {name: model[name] for name in ("path", "variant", "recipe", "seed", "epochs")} == {
        **{"path": str(run / "model.keras"), "variant": "paper", "recipe": "quickstart", "seed": 0, "epochs": 2},
    }
    assert written["top1_interval"] == pytest.approx(wilson(written["top1_error"], 9))
    assert written["provenance"]["versions"]["keras"]
    assert confusion["classes"] == ["blue", "green", "red"]
    assert [sum(row) for row in confusion["counts"]] == [3, 3, 3]
    (line,) = rows(tmp_path / "report" / "models.csv")
    assert (line["seed"], line["crops"], float(line["top1_error"])) == ("0", "1", written["top1_error"])
    assert line["keras"] == written["provenance"]["versions"]["keras"]
    errors = {row["class"]: 3 * float(row["top1_error"]) for row in rows(tmp_path / "report" / "classes.csv")}
    wrong = [row["class"] for row in rows(tmp_path / "images.csv") if row["correct"] == "False"]
    assert errors == {name: pytest.approx(wrong.count(name)) for name in confusion["classes"]}
    matrix = rows(tmp_path / "report" / "confusion.csv")
    assert [[int(row[name]) for name in confusion["classes"]] for row in matrix] == confusion["counts"]


def test_another_number_of_images_than_the_run_had_is_a_warning(run, folder, tmp_path):
    copy, data = tmp_path / "run", tmp_path / "colours"
    shutil.copytree(run, copy)
    shutil.copytree(folder / "train", data)  # of 4 images of each class, 1 is for validation
    config = json.loads((run / "config.json").read_text())

    def warning_of(counts, *options):
        config["measured"] |= dict(zip(("train_images", "validation_images"), counts, strict=True))
        (copy / "config.json").write_text(json.dumps({**config, "data": str(data)}))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            result = cli("evaluate", copy, *options)
        assert result.code == 0, result.err
        return [line for line in result.err.splitlines() if line.startswith("Warning: ")]

    assert warning_of((9, 3)) == []
    assert warning_of((8, 3)) == [
        "Warning: colours had 8 and 3 images for training and validation when the run began, and has 9 and 3 now: they "
        "are divided anew, and the network may have been trained on some of those for validation. Restore the images "
        "of the run, or train another one."
    ]
    assert warning_of((8, 3), "--fold", "1/2") == []
    assert warning_of((8, 3), "--data", data) != []
    data = folder
    assert warning_of((999, 9)) == []  # the training images are not looked at
    (line,) = warning_of((999, 8))
    assert "had 999 and 8 images for training and validation when the run began, and has 999 and 9 now: errors " in line
    with pytest.warns(UserWarning, match="has 999 and 9 now"):
        alexnet_keras.evaluate(copy)


def test_several_models_are_averaged(run, trained, folder, tmp_path):
    result = cli("evaluate", run, trained, "--data", folder, "--report", tmp_path / "report")
    assert result.code == 0, result.err
    *_, heading, first, second, average = result.out.splitlines()
    assert heading.split() == ["model", "top-1", "val", "error"]
    assert [line.split("  ")[0] for line in (first, second)] == [str(run / "model.keras"), str(trained)]
    assert average.startswith("average of 2 models")
    lines = rows(tmp_path / "report" / "models.csv")
    assert [line["path"] for line in lines] == [str(run / "model.keras"), str(trained), "average of 2 models"]
    assert [line["variant"] for line in lines] == ["paper", "tiny", ""]
    result = alexnet_keras.evaluate([run, trained], folder)
    assert [model.top1_error for model in result.models] == [float(line["top1_error"]) for line in lines[:2]]
    assert alexnet_keras.evaluate([trained, trained], folder) == alexnet_keras.evaluate(trained, folder)
    with pytest.raises(alexnet_keras.OptionError, match="`model` is an empty list; name at least one model"):
        alexnet_keras.evaluate([])


def test_models_of_different_data_sets_need_one(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "other")
    config = json.loads(Path("other/config.json").read_text())
    Path("other/config.json").write_text(json.dumps({**config, "data": "shapes"}))
    result = cli("evaluate", run, "other")
    assert "The models have different data sets (name=" in only_error(result)
    assert "name=shapes" in result.err
    assert "name one with --data." in result.err
    assert result.code == 2


def test_an_existing_report_is_refused_before_the_model_is_loaded(run, tmp_path):
    result = cli("evaluate", run, "--report", tmp_path)
    assert only_error(result) == f"Error: The output {tmp_path} exists; choose another --report, or remove it."
    assert result.code == 1
    assert list(tmp_path.iterdir()) == []
