"""Info: what a network is made of and where that comes from, its layers, shapes, parameters and multiply-adds."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import change_option, example, json_option, load_tensorflow
from alexnet_keras.config.assignments import parse_changes
from alexnet_keras.config.citations import COLUMNS, constants, row
from alexnet_keras.config.variants import ARCHITECTURES, architecture


@click.command(epilog=example("alexnet-keras info --variant original"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--variant", type=click.Choice(list(ARCHITECTURES)), help="A named network instead of a model.")
@change_option
@click.option("--variants", "all_of_them", is_flag=True, help="All named networks in one table.")
@json_option
def info(model: Path | None, variant: str | None, change: tuple[str, ...], all_of_them: bool, as_json: bool) -> None:
    """Layers of MODEL, a run or a .keras, or of a variant: output shapes, parameters and multiply-adds.

    Of a variant also every number that makes it up, each with its source.
    """
    from alexnet_keras.cli.find_model import find_model

    asked = [name for name, value in (("MODEL", model), ("--variant", variant), ("--variants", all_of_them)) if value]
    if len(asked) > 1:
        raise click.UsageError(f"Give {' or '.join(asked)}, not both.")
    if change and not variant:
        raise click.UsageError("--change changes a --variant; name one.")
    spec = architecture(variant, **parse_changes(change)) if variant else None  # before the seconds of TensorFlow
    load_tensorflow()
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.loading import load_model
    from alexnet_keras.model.summary import summarize, totals

    if all_of_them:
        counted = {name: totals(summarize(AlexNet(name))) for name in ARCHITECTURES}
        if as_json:
            networks = {
                name: {**dataclasses.asdict(ARCHITECTURES[name]), "parameters": parameters, "multiply_adds": operations}
                for name, (parameters, operations) in counted.items()
            }
            click.echo(json.dumps(networks))
        else:
            click.echo(table([row(ARCHITECTURES[name], *total) for name, total in counted.items()]))
        return
    layers = summarize(AlexNet(spec) if spec else load_model(find_model(model)))
    parameters, operations = totals(layers)
    if as_json:
        rows = [dataclasses.asdict(row) for row in layers]
        values: dict[str, Any] = {"parameters": parameters, "multiply_adds": operations, "layers": rows}
        if spec is not None:
            sources = {name: source for name, _, source in constants(spec)}
            values = {"architecture": dataclasses.asdict(spec), "sources": sources, **values}
        click.echo(json.dumps(values))
        return
    if spec is not None:
        for name, value, source in constants(spec):
            click.echo(f"{name:26}{_text(value):24}{source}")
        click.echo()
    lines = [("layer", "output shape", "parameters", "multiply-adds")]
    for layer in layers:
        shape = " x ".join(map(str, layer.shape))
        lines.append((layer.name, shape, _count(layer.parameters), _count(layer.multiply_adds)))
    lines.append(("total", "", _count(parameters), _count(operations)))
    for name, shape, *counts in lines:
        click.echo(f"{name:16}{shape:>16}" + "".join(f"{count:>16}" for count in counts))


def table(rows: list[Any]) -> str:
    """Rows below `sources.COLUMNS`, as Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}"
