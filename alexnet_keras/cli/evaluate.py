"""Evaluate: errors of any model file."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import (
    data_options,
    data_source,
    example,
    json_option,
    load_tensorflow,
    percent,
    print_pairs,
)


@click.command(epilog=example("alexnet-keras evaluate saved_models/RUN/model.tflite --data imagenette"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@data_options("The data set whose validation pictures count.  [default: the run's]")
@click.option(
    "--crops",
    type=click.Choice(["1", "10"]),
    default="1",
    show_default=True,
    help="1 for the centre crop; 10 for the paper's corners and centre with their horizontal flips.",
)
@json_option
def evaluate(model: Path | None, crops: str, as_json: bool, **where: Any) -> None:
    """Top-1 and top-5 error of MODEL: a run, .keras, SavedModel, .tflite, .onnx or .alexnet; else the newest run."""
    from alexnet_keras.cli.find_model import data_of, find_model

    path = find_model(model)
    source = data_source(lambda: data_of(path), **where)
    load_tensorflow()
    from alexnet_keras.inference.evaluate import evaluate_on
    from alexnet_keras.inference.predictor import load_predictor

    predictor = load_predictor(path)
    result = evaluate_on(predictor, source, int(crops))
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    rows = [
        ("model", str(path)),
        ("data", str(source)),
        ("images", f"{result.num_images:,}"),
        ("crops", str(result.crops)),
    ]
    rows += [("top-1 error", percent(result.top1_error))]
    if len(predictor.class_names) > 5:  # else nothing can be wrong
        rows += [("top-5 error", percent(result.top5_error))]
    print_pairs(rows)
