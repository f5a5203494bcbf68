"""Train: a configuration from a recipe and the options that differ from machine to machine."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from alexnet_keras.cli.options import (
    change_option,
    data_options,
    example,
    json_option,
    load_tensorflow,
    percent,
    print_pairs,
    size_of,
)
from alexnet_keras.config.assignments import parse_changes
from alexnet_keras.config.recipes import RECIPES, recipe, with_network
from alexnet_keras.config.schedules import SCHEDULES, schedule
from alexnet_keras.config.training import FREEZES, LAYOUTS, PCA_NOISES, PRECISIONS, TrainConfig
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.distribution.cluster import find_cluster
from alexnet_keras.system.errors import OptionError
from alexnet_keras.system.progress import duration


@click.command(epilog=example("alexnet-keras train --data imagenette --epochs 14"))
@data_options("'shapes', 'imagenet', a folder, or the name of a TFDS data set.  [default: the recipe's]")
@click.option("--recipe", "recipe_name", type=click.Choice(list(RECIPES)), default="quickstart", show_default=True)
@click.option("--variant", type=click.Choice(list(ARCHITECTURES)), help="The network.  [default: the recipe's]")
@change_option
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training images.  [default: the recipe's]")
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Images a step, all devices together.  [default: the recipe's]"
)
@click.option(
    "--pca-noise",
    type=click.Choice(["none", *PCA_NOISES]),
    help="Shift colours along the principal components of the training images.  [default: the recipe's]",
)
@click.option(
    "--weights",
    type=click.Path(dir_okay=False, resolve_path=True),
    help="Trained weights to begin from: .keras, .npz, ...",
)
@click.option("--freeze", type=click.Choice(FREEZES), help="Keep the weights up to there.  [default: the recipe's]")
@click.option(
    "--freeze-epochs", type=click.IntRange(min=1), help="Keep them for so many epochs, then train all.  [default: all]"
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of weights, order and augmentation.  [default: 0]")
@click.option("--run", type=click.Path(path_type=Path), help="The run's folder.  [default: a new one in saved_models/]")
@click.option("--steps-per-epoch", type=click.IntRange(min=1), help="Use only so many batches of each epoch.")
@click.option("--schedule", type=click.Choice(list(SCHEDULES)), help="How the rate changes.  [default: the recipe's]")
@click.option("--learning-rate", type=float, help="The schedule's highest.  [default: the recipe's]")
@click.option("--precision", type=click.Choice(PRECISIONS), help="What to multiply in.  [default: the recipe's, auto]")
@click.option("--deterministic", is_flag=True, default=None, help="The same bits from every repetition; slower.")
@click.option("--resume", is_flag=True, help="Go on with the run in --run where its newest checkpoint is.")
@click.option("--dry-run", is_flag=True, help="Train nothing: say how much there is to do, and how long it takes here.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --run.")
@click.option(
    "--checkpoint-minutes",
    type=click.FloatRange(min=0),
    default=5,
    show_default=True,
    help="Save so often within an epoch; at its end too.",
)
@click.option(
    "--devices", default="auto", show_default=True, help="auto (all GPUs, else the CPU), gpu:2, gpu:0,1, or cpu:2."
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default=LAYOUTS[0],
    show_default=True,
    help="The whole network on each device, or each tower on one of two (experimental).",
)
@json_option
def train(
    recipe_name: str,
    variant: str | None,
    change: tuple[str, ...],
    run: Path | None,
    resume: bool,
    dry_run: bool,
    overwrite: bool,
    checkpoint_minutes: float,
    devices: str,
    layout: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a network; without options the quickstart recipe on the embedded shapes."""
    changes = {name: value for name, value in options.items() if value is not None}
    if changes.get("pca_noise") == "none":
        changes["pca_noise"] = None
    from alexnet_keras.training import run_folder

    if resume:
        config, folder = _resumed(run, recipe_name, changes, overwrite)
        if dry_run:
            raise OptionError("Give --resume or --dry-run, not both.")
        _check_network(config, folder, variant, parse_changes(change))
    else:
        config = recipe(recipe_name, changes.get("epochs"))
        if variant or change:
            config = with_network(config, variant, **parse_changes(change))
        if "schedule" in changes:
            changes["schedule"] = schedule(changes["schedule"], changes.get("epochs", config.epochs))
        config = dataclasses.replace(config, **changes)
        folder = run or run_folder.default_path(config)
    load_tensorflow()
    if dry_run:
        from alexnet_keras.benchmark.plan import plan
        from alexnet_keras.training import initial_weights

        initial_weights.check(config)
        show_plan(plan(config), as_json)
        return
    from alexnet_keras.training.train import train as train_network

    evaluation = train_network(
        config,
        folder,
        resume=resume,
        overwrite=overwrite,
        checkpoint_minutes=checkpoint_minutes,
        devices=devices,
        layout=layout,
    )
    cluster = find_cluster()
    if cluster is not None and cluster.index > 0:
        return  # the chief says it
    if as_json:
        click.echo(json.dumps({"run": str(folder), **evaluation.to_dict()}))
        return
    errors = f"Top-1 error {percent(evaluation.top1_error)}"
    if len(run_folder.read_config(folder)[1].class_names) > 5:  # else nothing can be wrong
        errors += f", top-5 error {percent(evaluation.top5_error)}"
    click.echo(f"{errors} on {evaluation.num_images:,} validation images.")
    click.echo(
        f"Wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir() if not path.name.startswith('.')))}"
    )
    named, example = shlex.quote(str(folder)), shlex.quote(str(folder / run_folder.EXAMPLE))
    click.echo(f"Next:  alexnet-keras predict {named} {example}")
    click.echo(f"       alexnet-keras export {named} --format tflite")


def show_plan(planned: Any, as_json: bool) -> None:
    """Print a `plan.Plan`."""
    if as_json:
        click.echo(json.dumps(planned.to_dict()))
        return
    known = "" if planned.data_found else f"; {planned.data} is not here, so these are ImageNet's known numbers"
    at_most = "at most " if planned.at_most else ""
    reading = "not measured: the data are not here"
    if planned.images_read_per_second:
        reading = f"{planned.images_read_per_second:,.0f} images a second, measured"
    computed_once = ""
    if planned.frozen_once:
        computed_once = ", were frozen layers computed in every epoch; they are computed once, so it is less"
    rows = [
        ("recipe", f"{planned.recipe}, variant {planned.variant}, on {planned.data}"),
        ("images", f"{planned.train_images:,} for training, {planned.validation_images:,} for validation{known}"),
        ("epochs", f"{at_most}{planned.epochs}"),
        ("steps", f"{planned.steps:,}, {planned.steps_per_epoch:,} an epoch of {planned.batch_size} images each"),
        ("images trained on", f"{planned.images:,}"),
        ("operations", f"{planned.operations:.3g} in floating point"),
        ("bytes read", size_of(planned.bytes_read)),
        ("hardware", planned.hardware),
        ("training", f"{planned.images_per_second:,.1f} images a second in {planned.precision}, measured"),
        ("reading", reading),
        ("time", f"{at_most}{_time(planned.hours)}{computed_once}"),
    ]
    print_pairs(rows)


def _time(hours: float) -> str:
    return f"{hours:,.2f} hours, {hours / 24:,.1f} days" if hours >= 1 else duration(3600 * hours) + " minutes"


def _check_network(config: TrainConfig, run: Path, variant: str | None, changes: dict[str, Any]) -> None:
    """Refuse to go on with another network than the run has.

    Raises:
        OptionError: an option names another one.
    """
    asked = [("variant", "name", variant), *(("change", name, value) for name, value in changes.items())]
    for option, name, value in asked:
        has = getattr(config.architecture, name)
        if value is not None and value != has:
            raise OptionError(
                f"--{option} {value} contradicts {run}, which has {has}; leave it out, or start another run."
            )


def _resumed(run: Path | None, recipe_name: str, options: dict[str, Any], overwrite: bool) -> tuple[TrainConfig, Path]:
    """The configuration of the run to go on with.

    Raises:
        OptionError: no run is named, or an option asks for something else than the run has.
    """
    from alexnet_keras.training import run_folder

    if run is None:
        raise OptionError("--resume needs the folder of the run to go on with; name it with --run.")
    if overwrite:
        raise OptionError("Give --resume or --overwrite, not both.")
    config, _ = run_folder.read_config(run)
    if click.get_current_context().get_parameter_source("recipe_name") == ParameterSource.COMMANDLINE:
        options = {"recipe": recipe_name, **options}
    for name, value in options.items():
        has = getattr(config, name)
        has = has.name if name == "schedule" else has
        same = str(Path(value).expanduser().resolve()) == has or value == has if name == "data" else value == has
        if not same:
            option = name.replace("_", "-")
            raise OptionError(
                f"--{option} {value} contradicts {run}, which has {has}; leave it out, or start another run."
            )
    return config, run
