"""Export: another format, compared with the model."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from alexnet_keras.commands import (
    data_options,
    data_source,
    example,
    json_option,
    load_tensorflow,
    percent,
    print_pairs,
)


@click.command(epilog=example("alexnet-keras export saved_models/RUN --format tflite"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(["saved_model", "tflite"]), required=True)
@click.option("--output", type=click.Path(path_type=Path), help="What to write.  [default: beside the model]")
@data_options("The data set on whose pictures both are compared.  [default: the run's]")
@json_option
def export(model: Path | None, kind: str, output: Path | None, as_json: bool, **where: Any) -> None:
    """Write MODEL, a run or a .keras, in another format, and compare both on real pictures."""
    from alexnet_keras import runs

    path = runs.find_model(model)
    source = data_source(lambda: runs.data_of(path), **where)
    load_tensorflow()
    from alexnet_keras import datasets
    from alexnet_keras import export as exports

    output = output or exports.default_path(path, kind)
    exports.check_paths(path, kind, output)
    result = exports.export(path, kind, output, datasets.load(source).validation)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    print_pairs(
        [
            ("wrote", result.path),
            ("size", f"{result.bytes / 1e6:,.1f} MB"),
            ("largest difference", f"{result.max_abs_difference:.2g} in probability, from the Keras model"),
            ("equal top-1", f"{percent(result.top1_agreement)} of {result.num_images} validation images"),
        ]
    )
    click.echo(f"Next:  alexnet-keras evaluate {shlex.quote(result.path)} --data {shlex.quote(str(source))}")
