"""The command `evaluate`."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli.options import (
    data_options,
    data_source,
    example,
    json_option,
    load_tensorflow,
    model_argument,
    operations_option,
    percent,
    print_pairs,
)


@click.command(
    epilog=example(
        "alexnet-keras evaluate saved_models/RUN --crops 10",
        "alexnet-keras evaluate saved_models/RUN/model.tflite --data imagenette",
    )
)
@model_argument
@data_options("The data set whose validation images are used.  [default: the data set of the run]")
@click.option(
    "--crops",
    type=click.Choice(["1", "10"]),
    default="1",
    show_default=True,
    help="1 is the central crop. 10 is the paper's average over the corners, the centre and their flips.",
)
@operations_option
@json_option
def evaluate(model: Path | None, crops: str, allow_all_operations: bool, as_json: bool, **where: Any) -> None:
    """Measure the top-1 and top-5 error of MODEL on validation images.

    MODEL is a run, .keras, SavedModel, .tflite, .onnx or .alexnet.
    Without MODEL, the command uses the newest run in saved_models/.
    """
    path = api.find_model(model)
    source = data_source(lambda: api.data_of(path), **where)
    load_tensorflow()
    from alexnet_keras.inference.predictor import load_predictor

    predictor = load_predictor(path, allow_all_operations)
    result = api.evaluate(predictor, source, int(crops))
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    rows = [("model", str(path)), ("data", str(source)), ("images", f"{result.num_images:,}"), ("crops", crops)]
    rows += [("top-1 val error", percent(result.top1_error))]
    if len(predictor.class_names) > 5:  # otherwise the top-5 error is 0
        rows += [("top-5 val error", percent(result.top5_error))]
    print_pairs(rows)
