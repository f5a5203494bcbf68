"""The files that `evaluate` writes: a report for a paper, and the answers to each image."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.inference.evaluation import LISTED, Answers, Evaluation
from alexnet_keras.system import atomic_files, tables

REPORT = "report.json"
ERROR_COLUMNS = ("top1_error", "top1_low", "top1_high", "top5_error", "top5_low", "top5_high")


def report(
    evaluation: Evaluation, models: Sequence[Mapping[str, Any]], source: DataSource, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Collect everything that a reader needs to judge or repeat an evaluation.

    Returns:
        JSON values: the keys of `Evaluation.to_dict`, with `data`, `models`, `per_class` and `provenance`.
    """
    own = evaluation.models or (evaluation,)
    options = {name: value for name, value in source.options().items() if value is not None}
    assert evaluation.answers is not None
    return {
        **evaluation.to_dict(),
        "data": source.name,
        "data_options": options,
        "models": [{**facts, **errors.to_dict()} for facts, errors in zip(models, own, strict=True)],
        "per_class": evaluation.answers.per_class(),
        "provenance": dict(provenance),
    }


def write_report(folder: Path, values: Mapping[str, Any], answers: Answers) -> None:
    """Write a report as report.json and as the tables models.csv, classes.csv and confusion.csv.

    The folder appears whole or not at all. In the confusion matrix, a row is a true class and a column a predicted one.
    """
    confusion, names = answers.confusion(), distinct_labels(answers.class_names)
    files = {
        REPORT: json.dumps(
            {**values, "confusion": {"classes": list(answers.class_names), "counts": confusion.tolist()}}, indent=1
        )
        + "\n",
        "models.csv": tables.csv_text(list(_model_rows(values))),
        "classes.csv": tables.csv_text(list(_class_rows(values))),
        "confusion.csv": tables.csv_text(
            [["true class", *names], *([name, *row] for name, row in zip(names, confusion.tolist(), strict=True))]
        ),
    }
    with atomic_files.appear_whole(folder) as partial:
        partial.mkdir()
        for name, text in files.items():
            (partial / name).write_text(text, encoding="utf-8", newline="")


def _model_rows(values: Mapping[str, Any]) -> Iterator[list[Any]]:
    facts = ("path", "variant", "recipe", "seed", "epoch")
    versions = values["provenance"]["versions"]
    yield [*facts, "data", "images", "crops", *ERROR_COLUMNS, *versions, "commit", "time"]
    rows = list(values["models"])
    if len(rows) > 1:
        rows.append({**values, "path": f"average of {len(rows)} models"})
    for row in rows:
        known = [row.get(name) for name in facts]
        origin = [*versions.values(), values["provenance"]["commit"], values["provenance"]["time"]]
        yield [*known, values["data"], row["num_images"], row["crops"], *_errors(row), *origin]


def _class_rows(values: Mapping[str, Any]) -> Iterator[list[Any]]:
    yield ["class", "label", "images", *ERROR_COLUMNS, "taken_for", "taken_for_images"]
    for row in values["per_class"]:
        yield [row["class"], row["label"], row["images"], *_errors(row), row["taken_for"], row["taken_for_images"]]


def _errors(row: Mapping[str, Any]) -> list[float]:
    return [number for name in ("top1", "top5") for number in (row[f"{name}_error"], *row[f"{name}_interval"])]


def write_answers(output: Path, answers: Answers) -> None:
    """Write one row for each image: its true class, whether the answer is right, and the most probable classes."""
    top = min(LISTED, len(answers.class_names))
    columns = {"image": str, "class": str, "label": str, "correct": bool, "rank": int, **prediction_columns(top)}
    tables.write_table(output, answers.rows(), columns, flatten)


def write_predictions(output: Path, rows: Iterable[Mapping[str, Any]], top: int) -> None:
    """Write one row for each image that `classify` yields, with its `top` most probable classes or its error."""
    tables.write_table(output, rows, {"file": str, **prediction_columns(top), "error": str, "model": str}, flatten)


def prediction_columns(top: int) -> dict[str, type]:
    """The columns of the `top` most probable classes in a table, as `flatten` fills them."""
    kinds = {"label": str, "class": str, "probability": float}
    return {f"{name}_{rank}": kind for rank in range(1, top + 1) for name, kind in kinds.items()}


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the list `predictions` of a row by columns: `label_1`, `class_1`, `probability_1`, `label_2`, ..."""
    flat = {name: value for name, value in row.items() if name != "predictions"}
    for rank, prediction in enumerate(row["predictions"], start=1):
        flat |= {f"{name}_{rank}": value for name, value in prediction.items()}
    return flat
