"""The command `info`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli import options
from alexnet_keras.config.assignments import parse_changes
from alexnet_keras.config.citations import COLUMNS, constants, row
from alexnet_keras.config.command_line import as_word
from alexnet_keras.config.variants import ARCHITECTURES, architecture


@click.command(epilog=options.example("alexnet-keras info saved_models/RUN", "alexnet-keras info --variant original"))
@options.model_argument
@options.variant_option("A named network instead of a model.")
@options.change_option
@click.option("--variants", "all_variants", is_flag=True, help="A summary of all named networks.")
@options.json_option
@options.help_ends(options.KERAS_MODEL, options.NEWEST_RUN, options.OR_IMAGENETTE)
def info(model: Path | None, variant: str | None, network: tuple[str, ...], all_variants: bool, as_json: bool) -> None:
    """Print the layers, output shapes and parameters of MODEL or of a variant.

    For a variant, also print each of its constants with its source.
    """
    given = [name for name, value in (("MODEL", model), ("--variant", variant), ("--variants", all_variants)) if value]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other; omit one of them.")
    if network and not variant:
        raise click.UsageError("--change needs a variant to change; name it with --variant.")
    spec = architecture(variant, **parse_changes(network)) if variant else None
    options.load_tensorflow()
    if all_variants:
        _show_variants(as_json)
        return
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.loading import load_model
    from alexnet_keras.model.summary import summarize, totals

    layers = summarize(AlexNet(spec) if spec else load_model(options.model_or_pretrained(model)))
    parameters, operations = totals(layers)
    if as_json:
        values: dict[str, Any] = {"parameters": parameters, "multiply_adds": operations}
        values["layers"] = [dataclasses.asdict(layer) for layer in layers]
        if spec is not None:
            sources = {name: source for name, _, source in constants(spec)}
            values = {"architecture": dataclasses.asdict(spec), "sources": sources, **values}
        click.echo(json.dumps(values))
        return
    if spec is not None:
        options.print_pairs([(name, f"{as_word(value)}  ({source})") for name, value, source in constants(spec)])
        click.echo()
    lines = [("layer", "output shape", "parameters", "multiply-adds")]
    for layer in layers:
        shape = " x ".join(map(str, layer.shape))
        lines.append((layer.name, shape, _count(layer.parameters), _count(layer.multiply_adds)))
    options.print_table([*lines, ("total", "", _count(parameters), _count(operations))])


def _show_variants(as_json: bool) -> None:
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.summary import summarize, totals

    networks: dict[str, Any] = {}
    for name, spec in ARCHITECTURES.items():
        parameters, operations = totals(summarize(AlexNet(name)))
        networks[name] = {**dataclasses.asdict(spec), "parameters": parameters, "multiply_adds": operations}
        if not as_json:  # as soon as it is counted: each network takes a second
            values = [value.strip("`") for value in row(spec, parameters, operations)]
            options.print_pairs([*zip(COLUMNS, values, strict=True)])
            click.echo()
    if as_json:
        click.echo(json.dumps(networks))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
