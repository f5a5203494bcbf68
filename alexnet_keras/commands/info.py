"""Info: layers, shapes, parameters and multiply-adds."""

import dataclasses
import json
from pathlib import Path

import click

from alexnet_keras.architecture import ARCHITECTURES
from alexnet_keras.commands import example, json_option, load_tensorflow


@click.command(epilog=example("alexnet-keras info --variant paper"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--variant", type=click.Choice(list(ARCHITECTURES)), help="A named network instead of a model.")
@json_option
def info(model: Path | None, variant: str | None, as_json: bool) -> None:
    """Layers of MODEL, a run or a .keras, or of a variant: output shapes, parameters and multiply-adds."""
    from alexnet_keras import runs

    if model is not None and variant is not None:
        raise click.UsageError(f"Give MODEL or --variant, not both: got {model} and {variant!r}.")
    load_tensorflow()
    from alexnet_keras.model import AlexNet, load_model
    from alexnet_keras.summary import summarize

    layers = summarize(AlexNet(variant) if variant else load_model(runs.find_model(model)))
    parameters, operations = (sum(getattr(row, key) for row in layers) for key in ("parameters", "multiply_adds"))
    if as_json:
        rows = [dataclasses.asdict(row) for row in layers]
        click.echo(json.dumps({"parameters": parameters, "multiply_adds": operations, "layers": rows}))
        return
    table = [("layer", "output shape", "parameters", "multiply-adds")]
    for row in layers:
        table.append((row.name, " x ".join(map(str, row.shape)), _count(row.parameters), _count(row.multiply_adds)))
    table.append(("total", "", _count(parameters), _count(operations)))
    for name, shape, *counts in table:
        click.echo(f"{name:12}{shape:>16}" + "".join(f"{count:>16}" for count in counts))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
