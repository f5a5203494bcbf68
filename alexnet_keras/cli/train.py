"""The command `train`."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alexnet_keras.api import configure_run, run_training
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_run
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.architecture import Width
from alexnet_keras.config.assignments import parse_changes, parse_settings
from alexnet_keras.config.command_line import in_words
from alexnet_keras.config.ranges import BatchSize, Count, Index, Minutes, Rate
from alexnet_keras.config.recipes import RECIPES
from alexnet_keras.config.training import CHECKPOINT_MINUTES, FREEZES, LAYOUTS, PCA_NOISES, PRECISIONS, TrainConfig
from alexnet_keras.system.columns import error_labels
from alexnet_keras.system.disk import size_of
from alexnet_keras.system.errors import OptionError
from alexnet_keras.system.progress import duration

if TYPE_CHECKING:
    from alexnet_keras.benchmark.plan import Plan
    from alexnet_keras.inference.evaluation import Evaluation

GROUPS = {
    "Recipe": ("recipe",),
    "Data": options.DATA,
    "Network": ("variant", "width", "network", "weights", "freeze"),
    "Optimization": ("epochs", "batch_size", "learning_rate", "pca_noise", "settings"),
    "Run": ("run", "seed", "resume", "overwrite", "dry_run", "checkpoint_minutes"),
    "Hardware": ("devices", "layout", "precision", "deterministic"),
    "More about data": options.RARE_DATA,
    "Other": (),
}


@click.command(
    cls=options.GroupedCommand,
    groups=GROUPS,
    epilog=options.example(
        "alexnet-keras train --data imagenette --epochs 14",
        "alexnet-keras train --data FOLDER --recipe transfer --weights bvlc_alexnet.caffemodel",
        "alexnet-keras train --set momentum=0.95 --set schedule=cosine:warmup_epochs=2",
    ),
)
@options.data_options(
    "'shapes', 'imagenet', a folder of images, a table of them (.csv), or the name of a TensorFlow Datasets (TFDS) "
    "data set.  [default: the recipe's]"
)
@options.variant_option("The network.  [default: the recipe's]")
@click.option(
    "--width",
    type=Number(Width),
    help="Factor of the numbers of channels and units, such as 0.25 for a small network.  [default: the recipe's]",
)
@options.change_option
@click.option(
    "--weights",
    type=PathName(str, dir_okay=False),
    help="File of trained weights to start from: .keras, .alexnet, .caffemodel, .pth, .safetensors, .npz or .h5; or "
    "imagenette, the trained network in this package.",
)
@click.option(
    "--freeze",
    type=click.Choice(FREEZES),
    help="Do not train the layers up to and including this one.  [default: none]",
)
@click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    help="A complete configuration; the other options change parts of it.  [default: quickstart]",
)
@click.option("--epochs", type=Number(Count), help="Passes over the training images.  [default: the recipe's]")
@click.option(
    "--batch-size", type=Number(BatchSize), help="Images in a step, over all devices together.  [default: the recipe's]"
)
@click.option(
    "--learning-rate", type=Number(Rate), help="The highest learning rate of the schedule.  [default: the recipe's]"
)
@click.option(
    "--pca-noise",
    type=click.Choice(["none", *PCA_NOISES]),
    help="PCA colour augmentation, in one of two readings of section 4.1 of the paper.  [default: the recipe's]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set any other field of the configuration, such as momentum=0.95, steps_per_epoch=20 or "
    "schedule=steps:boundaries=10,20. Can be repeated.",
)
@click.option(
    "--run",
    type=PathName(),
    shell_complete=complete_run,
    help="Folder of the run.  [default: a new folder in saved_models/]",
)
@click.option(
    "--seed", type=Number(Index), help="Random seed for initialization, shuffling and augmentation.  [default: 0]"
)
@click.option("--resume", is_flag=True, help="Continue the run in --run from its newest checkpoint.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --run.")
@click.option(
    "--dry-run", is_flag=True, help="Estimate the work and the time on this machine, without training or writing."
)
@click.option(
    "--checkpoint-minutes",
    type=Number(Minutes),
    default=CHECKPOINT_MINUTES,
    show_default=True,
    help="Write a checkpoint at least every so many minutes. The ends of epochs get additional ones while "
    "saving takes at most 5% of the time.",
)
@click.option(
    "--devices",
    default="auto",
    show_default=True,
    help="auto (all GPUs, otherwise the CPU), a number such as gpu:2 or cpu:2, or indices such as gpu:0,1.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default=LAYOUTS[0],
    show_default=True,
    help="The whole network on each device, or (experimental) one tower on each of two devices.",
)
@click.option(
    "--precision", type=click.Choice(PRECISIONS), help="Numeric precision of the training step.  [default: auto]"
)
@click.option(
    "--deterministic",
    is_flag=True,
    default=None,
    help="Give the same weights, bit for bit, if the run is repeated. Training is slower.",
)
@options.json_option
def train(
    recipe: str | None,
    variant: str | None,
    width: float | None,
    network: tuple[str, ...],
    settings: tuple[str, ...],
    run: Path | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    checkpoint_minutes: float,
    devices: str,
    layout: str,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Train a network. Without options, train the quickstart recipe on the built-in shapes."""
    changes = {name: value for name, value in chosen.items() if value is not None}
    if changes.get("pca_noise") == "none":
        changes["pca_noise"] = None
    for name, value in parse_settings(settings).items():
        if name in changes:
            raise OptionError(f"`{name}` {changes[name]} and --set {name} are both given; omit one of them.")
        changes[name] = value
    fields = parse_changes(network)
    if width is not None:
        if "width" in fields:
            raise OptionError(f"`width` {width:g} and --change width are both given; omit one of them.")
        fields["width"] = width
    if resume and dry_run:
        raise OptionError("`resume` and `dry_run` exclude each other; omit one of them.")
    config, given = configure_run(
        recipe, run, variant=variant, network=fields, resume=resume, overwrite=overwrite, **changes
    )
    from alexnet_keras.data.sources.tfds_library import check_available
    from alexnet_keras.training.options import RunOptions
    from alexnet_keras.training.run_folder import check_claim

    run_options = RunOptions(
        resume=resume, overwrite=overwrite, checkpoint_minutes=checkpoint_minutes, devices=devices, layout=layout
    )
    cluster = run_options.check(config)
    if not (dry_run or resume):  # a finished run is resumed without its data
        if given is not None and (cluster is None or cluster.index == 0):
            check_claim(given, overwrite=overwrite)  # also here, because importing TensorFlow takes seconds
        check_available(config.source)
    options.load_tensorflow(logs=True)
    if dry_run:
        from alexnet_keras.benchmark.plan import plan

        show_plan(config, plan(config), as_json)
        return
    result = run_training(config, given, options=run_options)
    if cluster is not None and cluster.index > 0:
        return  # the first worker prints the result
    if as_json:
        click.echo(json.dumps({"run": str(result.run), **result.evaluation.to_dict()}))
    else:
        show_run(result.run, result.evaluation)


def show_run(run: Path, evaluation: "Evaluation") -> None:
    """Print the errors of a run, its files and the commands that use it."""
    from alexnet_keras.training import run_folder

    labels = error_labels(len(run_folder.read_config(run)[1].class_names))
    errors = (f"{label} {options.percent(getattr(evaluation, f'{kind}_error'))}" for kind, label in labels.items())
    click.echo(f"{', '.join(errors).capitalize()} on {evaluation.num_images:,} images.")
    click.echo(f"Wrote {run}:")
    click.echo("  " + ", ".join(sorted(path.name for path in run.iterdir() if not path.name.startswith("."))))
    click.echo("Next:")
    click.echo(f"  alexnet-keras predict {shlex.quote(str(run))} {shlex.quote(str(run / run_folder.EXAMPLE))}")
    click.echo(f"  alexnet-keras export {shlex.quote(str(run))} --format tflite")
    click.echo(f"  alexnet-keras report {shlex.quote(str(run))}")


def show_plan(config: TrainConfig, plan: "Plan", as_json: bool) -> None:
    """Print what `train --dry-run` has estimated."""
    if as_json:
        click.echo(json.dumps(plan.to_dict()))
        return
    known = "" if plan.data_found else f"; {plan.data} is not on this machine, so these are ImageNet's numbers"
    at_most = "at most " if plan.at_most else ""
    reading = "not measured, because the data are not on this machine"
    if plan.images_read_per_second:
        reading = f"{plan.images_read_per_second:,.0f} images/s, measured"
    cached = ""
    if plan.frozen_once:
        cached = "; less, because the features of frozen layers are computed once, not in every epoch"
    time = duration(3600 * plan.hours) + " minutes"
    if plan.hours >= 1:
        time = f"{plan.hours:,.2f} hours, {plan.hours / 24:,.1f} days"
    recipe, variant = in_words(config)
    options.print_pairs(
        [
            ("recipe", recipe),
            ("variant", variant),
            ("data", plan.data),
            ("images", f"{plan.train_images:,} for training, {plan.validation_images:,} for validation{known}"),
            ("epochs", f"{at_most}{plan.epochs}"),
            ("steps", f"{plan.steps:,}: {plan.steps_per_epoch:,} in each epoch, of {plan.batch_size} images each"),
            ("training images", f"{plan.images:,} in all epochs"),
            ("operations", f"{plan.operations:.3g} floating-point operations"),
            ("bytes read", size_of(plan.bytes_read)),
            ("hardware", plan.hardware),
            ("training", f"{plan.images_per_second:,.1f} images/s in {plan.precision}, measured"),
            ("reading", reading),
            ("time", f"{at_most}{time}{cached}"),
        ]
    )
