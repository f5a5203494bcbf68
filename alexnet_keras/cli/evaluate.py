"""The command `evaluate`."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_model
from alexnet_keras.cli.types import PathName
from alexnet_keras.system.columns import error_labels

HARDEST = 3  # classes in the text output; the report has all of them


@click.command(
    cls=options.GroupedCommand,
    epilog=options.example(
        "alexnet-keras evaluate saved_models/RUN --crops 10",
        "alexnet-keras evaluate saved_models/RUN/model.tflite --data imagenette",
        "alexnet-keras evaluate saved_models/RUN1 saved_models/RUN2 --report paper",
    ),
)
@click.argument("models", metavar="[MODEL]...", nargs=-1, type=PathName(), shell_complete=complete_model)
@options.data_options("The data set whose validation images are used.  [default: the data set of the run]")
@click.option(
    "--crops",
    type=click.Choice(["1", "10"]),
    default="1",
    show_default=True,
    help="1 is the central crop. 10 is the paper's average over the corners, the centre and their flips.",
)
@click.option(
    "--report",
    type=PathName(),
    metavar="FOLDER",
    help="Folder to write, with the errors, the models, the classes and the confusion matrix as JSON and CSV.",
)
@options.output_file_option("File to write, with a row for each image: .csv, .json or .parquet.")
@options.operations_option
@options.json_option
@options.help_ends(options.ANY_MODEL, options.NEWEST_RUN)
def evaluate(
    models: tuple[Path, ...],
    crops: str,
    report: Path | None,
    output: Path | None,
    allow_all_operations: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Measure the top-1 and top-5 error of MODEL on validation images, with 95% intervals.

    The probabilities of several models are averaged, and the errors of each are printed, too.
    """
    paths = [api.find_model(model) for model in models or [None]]
    source = options.data_source(lambda: api.data_of_all(paths), **where)
    options.load_tensorflow()
    result, values = api.measure(
        paths, source, int(crops), output=output, report=report, allow_all_operations=allow_all_operations
    )
    if as_json:
        click.echo(json.dumps(values))
        return
    rows = [("model", options.model_line(facts)) for facts in values["models"]]
    rows += [("data", str(source)), ("images", f"{result.num_images:,}"), ("crops", crops)]
    classes = values["per_class"]
    labels = error_labels(len(classes))
    if not result.models:
        rows += [(label, _error(values, kind)) for kind, label in labels.items()]
    hardest = sorted(classes, key=lambda row: -row["top1_error"])[:HARDEST]
    rows += [("hardest classes", ", ".join(f"{row['label']} {options.percent(row['top1_error'])}" for row in hardest))]
    rows += [("wrote", str(path)) for path in (report, output) if path is not None]
    options.print_pairs(rows)
    if result.models:
        click.echo()
        average = {**values, "path": f"average of {len(paths)} models"}
        errors = [(row["path"], *(_error(row, kind) for kind in labels)) for row in [*values["models"], average]]
        options.print_table([("model", *labels.values()), *errors])


def _error(row: dict[str, Any], kind: str) -> str:
    low, high = row[f"{kind}_interval"]
    return f"{options.percent(row[f'{kind}_error'])} ({options.percent(low)} to {options.percent(high)})"
