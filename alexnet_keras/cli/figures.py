"""The commands `figures`."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import data_options, data_source, example, json_option, load_tensorflow
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Index
from alexnet_keras.config.training import DataSource


@click.group(epilog=example("alexnet-keras figures augmentation --data imagenette"))
def figures() -> None:
    """Draw figures that explain the code (needs the extra 'figures')."""


@figures.command(epilog=example("alexnet-keras figures augmentation --data imagenette --output augmentation.png"))
@data_options("A data set, as for train.  [default: shapes]")
@click.option(
    "--output",
    type=PathName(),
    default=Path("augmentation.png"),
    show_default=True,
    help="The PNG file to write.",
)
@click.option("--image", "index", type=Number(Index), default=0, show_default=True, help="Index of the training image.")
@click.option("--seed", type=Number(Index), default=0, show_default=True, help="Random seed of the augmentation.")
@json_option
def augmentation(output: Path, index: int, seed: int, as_json: bool, **where: Any) -> None:
    """Draw random crops, flips and PCA colour augmentations of one training image."""
    source = data_source(lambda: DataSource(name="shapes"), **where)
    load_tensorflow()
    from alexnet_keras.figures.augmentation import augmentation_figure

    augmentation_figure(source, output, index, seed)
    click.echo(json.dumps({"output": str(output)}) if as_json else f"Wrote {output}")
