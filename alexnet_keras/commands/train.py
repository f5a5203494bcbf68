"""Train: a configuration from a recipe and the options that differ from machine to machine."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import click

from alexnet_keras.commands import example, json_option, load_tensorflow, percent
from alexnet_keras.config import COLOUR_NOISES
from alexnet_keras.recipes import RECIPES, recipe


@click.command(epilog=example("alexnet-keras train --data imagenette --epochs 14"))
@click.option(
    "--data", help="'shapes', a folder with train/ and val/, or the name of a TFDS data set.  [default: shapes]"
)
@click.option("--recipe", "recipe_name", type=click.Choice(list(RECIPES)), default="quickstart", show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training images.  [default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a step.  [default: the recipe's]")
@click.option(
    "--colour-noise",
    type=click.Choice(["none", *COLOUR_NOISES]),
    help="Shift colours along the principal components of the training images.  [default: the recipe's]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of weights, order and augmentation.  [default: 0]")
@click.option("--run", type=click.Path(path_type=Path), help="The run's folder.  [default: a new one in saved_models/]")
@click.option("--steps-per-epoch", type=click.IntRange(min=1), help="Use only so many batches of each epoch.")
@json_option
def train(
    data: str | None,
    recipe_name: str,
    epochs: int | None,
    batch_size: int | None,
    colour_noise: str | None,
    seed: int | None,
    run: Path | None,
    steps_per_epoch: int | None,
    as_json: bool,
) -> None:
    """Train a network; without options the quickstart recipe on the embedded shapes."""
    changes: dict[str, Any] = {
        "data": data,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "steps_per_epoch": steps_per_epoch,
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    if colour_noise is not None:
        changes["colour_noise"] = None if colour_noise == "none" else colour_noise
    config = dataclasses.replace(recipe(recipe_name), **changes)
    from alexnet_keras import runs

    folder = run or runs.default_path(config)
    load_tensorflow()
    from alexnet_keras.train import train as train_network

    evaluation = train_network(config, folder)
    if as_json:
        click.echo(json.dumps({"run": str(folder), **evaluation.to_dict()}))
        return
    click.echo(f"Top-1 error {percent(evaluation.top1_error)}, top-5 error {percent(evaluation.top5_error)}", nl=False)
    click.echo(f" on {evaluation.num_images:,} validation images.")
    click.echo(f"Wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    named, example = shlex.quote(str(folder)), shlex.quote(str(folder / runs.EXAMPLE))
    click.echo(f"Next:  alexnet-keras predict {named} {example}")
    click.echo(f"       alexnet-keras export {named} --format tflite")
