"""Figures: pictures that show what the code does."""

import json
from pathlib import Path

import click

from alexnet_keras.commands import example, json_option, load_tensorflow


@click.group(epilog=example("alexnet-keras figures augmentation --data imagenette"))
def figures() -> None:
    """Draw what the code does, to look at (needs the extra 'figures')."""


@figures.command(epilog=example("alexnet-keras figures augmentation --data imagenette --output augmentation.png"))
@click.option("--data", default="shapes", show_default=True, help="A data set, as for train.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("augmentation.png"), show_default=True)
@click.option("--image", "index", type=int, default=0, show_default=True, help="Which training picture.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the draws.")
@json_option
def augmentation(data: str, output: Path, index: int, seed: int, as_json: bool) -> None:
    """One training picture under many draws: crops, mirrors, and the colour noise of both conventions."""
    load_tensorflow()
    from alexnet_keras.figures import augmentation_figure

    augmentation_figure(data, output, index, seed)
    click.echo(json.dumps({"output": str(output)}) if as_json else f"Wrote {output}")
