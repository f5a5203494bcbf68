"""The files of an evaluation have the same numbers in JSON and in tables, and appear whole or not at all."""

import csv
import json

import numpy as np
import pytest
from support import largest_file

from alexnet_keras.config.training import DataSource
from alexnet_keras.inference import report
from alexnet_keras.inference.evaluation import Answers, Evaluation
from alexnet_keras.system.errors import InputError

PROVENANCE = {"versions": {"keras": "3.9.0"}, "commit": "abc", "time": "now"}
ERRORS = Evaluation(0.5, 0.25, 4)


def answers(class_names=("n01440764", "cat")):
    """Four images, of which one is wrong."""
    return Answers(
        names=["a.png", "b.png", "c.png", "d.png"],
        class_names=class_names,
        labels=np.array([0, 0, 1, 1]),
        ranks=np.array([0, 1, 0, 0]),
        classes=np.array([[0, 1], [1, 0], [1, 0], [1, 0]]),
        probabilities=np.tile([0.75, 0.25], (4, 1)),
    )


def evaluation(*models):
    return Evaluation(0.25, 0.0, 4, models=models, answers=answers())


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_report_has_the_errors_of_every_model_and_what_they_were_measured_on():
    source = DataSource(name="shapes", fold="2/5")
    found = report.report(evaluation(), [{"path": "m", "seed": 3}], source, PROVENANCE)
    assert found["models"] == [{"path": "m", "seed": 3, **evaluation().to_dict()}]
    assert (found["data"], found["provenance"]) == ("shapes", PROVENANCE)
    assert found["data_options"]["fold"] == "2/5"
    assert "validation_split" not in found["data_options"]
    assert [(each["class"], each["top1_error"]) for each in found["per_class"]] == [("n01440764", 0.5), ("cat", 0.0)]
    assert evaluation().to_dict().items() <= found.items()
    several = report.report(evaluation(ERRORS, evaluation()), [{"path": "m"}, {"path": "n"}], source, PROVENANCE)
    assert [(each["path"], each["top1_error"]) for each in several["models"]] == [("m", 0.5), ("n", 0.25)]
    assert several["top1_error"] == 0.25


def test_the_tables_of_a_report(tmp_path):
    facts = [{"path": "m", "seed": 3}, {"path": "n", "variant": "paper"}]
    values = report.report(evaluation(ERRORS, ERRORS), facts, DataSource(name="shapes"), PROVENANCE)
    report.write_report(tmp_path / "report", values, answers())
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    assert written.pop("confusion") == {"classes": ["n01440764", "cat"], "counts": [[1, 1], [0, 2]]}
    assert written == json.loads(json.dumps(values))
    models = rows(tmp_path / "report" / "models.csv")
    assert [(row["path"], row["seed"], row["variant"]) for row in models] == [
        ("m", "3", ""),
        ("n", "", "paper"),
        ("average of 2 models", "", ""),
    ]
    assert [float(row["top1_error"]) for row in models] == [0.5, 0.5, 0.25]
    low, high = ERRORS.top5_interval
    assert (float(models[0]["top5_low"]), float(models[0]["top5_high"])) == (low, high)
    assert (models[0]["keras"], models[0]["commit"], models[0]["time"]) == ("3.9.0", "abc", "now")
    first, second = rows(tmp_path / "report" / "classes.csv")
    assert (first["label"], first["top1_error"], first["taken_for"]) == ("tench", "0.5", "cat")
    assert (second["class"], second["taken_for"], second["taken_for_images"]) == ("cat", "", "0")
    confusion = rows(tmp_path / "report" / "confusion.csv")
    assert [list(row.values()) for row in confusion] == [["tench", "1", "1"], ["cat", "0", "2"]]


def test_classes_with_the_same_first_word_can_be_told_apart(tmp_path):
    maillots = ("n03710637", "n03710721")
    values = report.report(evaluation(), [{"path": "m"}], DataSource(name="shapes"), PROVENANCE)
    report.write_report(tmp_path / "report", values, answers(maillots))
    assert list(rows(tmp_path / "report" / "confusion.csv")[0]) == ["true class", "maillot", "maillot, tank suit"]
    assert [row["label"] for row in answers(maillots).per_class()] == ["maillot", "maillot, tank suit"]


def test_a_full_disk_leaves_no_part_of_a_report(tmp_path):
    values = report.report(evaluation(), [{"path": "m"}], DataSource(name="shapes"), PROVENANCE)
    with largest_file(100), pytest.raises(InputError, match="report cannot be written"):
        report.write_report(tmp_path / "report", values, answers())
    assert list(tmp_path.iterdir()) == []


def test_the_answers_are_one_row_for_each_image(tmp_path):
    report.write_answers(tmp_path / "images.csv", answers())
    found = rows(tmp_path / "images.csv")
    assert [row["image"] for row in found] == ["a.png", "b.png", "c.png", "d.png"]
    assert found[1] == {
        **{"image": "b.png", "class": "n01440764", "label": "tench", "correct": "False", "rank": "2"},
        **{"label_1": "cat", "class_1": "cat", "probability_1": "0.75"},
        **{"label_2": "tench", "class_2": "n01440764", "probability_2": "0.25"},
    }
    report.write_answers(tmp_path / "images.json", answers())
    assert json.loads((tmp_path / "images.json").read_text()) == list(answers().rows())


def test_a_prediction_and_an_error_are_rows_of_one_table(tmp_path):
    best = {"label": "tench", "class": "n01440764", "probability": 0.75}
    given = [
        {"file": "a.png", "model": "m", "predictions": [best]},
        {"file": "b.png", "model": "m", "predictions": [], "error": "b.png is empty."},
    ]
    report.write_predictions(tmp_path / "p.csv", given, top=1)
    good, bad = rows(tmp_path / "p.csv")
    assert list(good) == ["file", "label_1", "class_1", "probability_1", "error", "model"]
    assert (good["label_1"], good["probability_1"], good["error"]) == ("tench", "0.75", "")
    assert (bad["label_1"], bad["error"]) == ("", "b.png is empty.")
