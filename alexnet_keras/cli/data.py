"""The commands `data`."""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli import options
from alexnet_keras.cli.groups import Subcommands
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Jobs
from alexnet_keras.config.training import ENCODINGS, ON_ERROR, STORED_SIZE, DataSource, StoredSize
from alexnet_keras.system.columns import WIDTH
from alexnet_keras.system.disk import size_of

DATA_HELP = "'shapes', 'imagenet', a folder of images, a table of them (.csv), or the name of a TFDS data set."
LISTED_CLASSES = 20  # longer lists are cut to the five largest and the five smallest classes

data_option = options.data_options(DATA_HELP, required=True, stored=False)  # `prepare` has `--size`
jobs_option = click.option(
    "--jobs",
    type=Number(Jobs),
    default=os.cpu_count(),
    help="Images that are decoded at the same time.  [default: the number of processors]",
)


@click.group(
    cls=Subcommands, epilog=options.example("alexnet-keras data prepare --data imagenet --output imagenet-256")
)
def data() -> None:
    """Prepare a data set for training, or check it."""


@data.command(
    cls=options.GroupedCommand,
    epilog=options.example("alexnet-keras data prepare --data imagenet --output imagenet-256"),
)
@data_option
@click.option("--output", type=PathName(), required=True, help="The folder to write.")
@click.option(
    "--size",
    type=Number(StoredSize),
    default=STORED_SIZE,
    show_default=True,
    help="Side of the stored images in pixels.",
)
@click.option(
    "--encoding",
    type=click.Choice(ENCODINGS),
    default=ENCODINGS[0],
    show_default=True,
    help="JPEG takes 24 to 32 KB for each image; raw pixels take 192 KB and need no decoding.",
)
@jobs_option
@click.option(
    "--on-error",
    type=click.Choice(ON_ERROR),
    default=ON_ERROR[0],
    show_default=True,
    help="What to do when an image cannot be used.",
)
@options.json_option
def prepare(
    output: Path, size: int, encoding: str, jobs: int, on_error: str, as_json: bool, data: str, **where: Any
) -> None:
    """Store every image once at one size, in shards that training reads fast.

    If the command is stopped, call it again: it continues after the last finished shard.
    """
    source = options.data_source(lambda: DataSource(name=data), data, **where)
    options.load_tensorflow()
    from alexnet_keras.data.shards.convert import Settings
    from alexnet_keras.data.shards.prepare import prepare as prepare_shards
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.system.progress import duration

    settings = Settings(size=size, encoding=encoding, jobs=jobs, on_error=on_error)
    result = prepare_shards(open_dataset(source), output, settings)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result)))
        return
    bytes_per_image = result.bytes / sum(result.images.values())
    speed = f", {result.images_per_second:,.0f} images/s" if result.images_per_second else ""
    options.print_pairs(
        [
            ("images", ", ".join(f"{count:,} for {split}" for split, count in result.images.items())),
            ("wrote", result.path),
            ("bytes", f"{size_of(result.bytes)}, {bytes_per_image:,.0f} for each image"),
            ("shards", f"{result.shards:,}, of which {result.resumed_shards:,} were finished before"),
            ("time", duration(result.seconds) + speed),
            *(("skipped", f"{bad.image} {bad.reason}") for bad in result.bad),
        ]
    )


@data.command(cls=options.GroupedCommand, epilog=options.example("alexnet-keras data check --data imagenette"))
@data_option
@jobs_option
@options.json_option
def check(jobs: int, as_json: bool, data: str, **where: Any) -> None:
    """Count and read every image. The exit code is 1 if training would fail or be wrong."""
    source = options.data_source(lambda: DataSource(name=data), data, **where)
    options.load_tensorflow()
    from alexnet_keras.data.check import check as check_images
    from alexnet_keras.data.class_labels import distinct_labels
    from alexnet_keras.data.sources.open_dataset import open_dataset

    report = check_images(open_dataset(source), jobs)
    code = 1 if report.problems else 0
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report)))
        sys.exit(code)
    splits = (report.train, report.validation)
    classes = zip(distinct_labels(report.class_names), *(split.per_class for split in splits), strict=True)
    counts: list[tuple[Any, ...]] = sorted(classes, key=lambda row: -row[1])
    if len(counts) > LISTED_CLASSES:
        counts = [*counts[:5], ("...", "", ""), *counts[-5:]]
    options.print_table(
        [
            ("", "training", "validation"),
            ("images", *(f"{split.images:,}" for split in splits)),
            ("unreadable", *(f"{len(split.unreadable):,}" for split in splits)),
            ("in two classes", *(f"{split.contradictions:,}" for split in splits)),
            ("turned upright", *(f"{split.turned:,}" for split in splits)),
            ("almost one colour", *(f"{split.uniform:,}" for split in splits)),
            ("shorter side", *(_range(split.shorter_side) for split in splits)),
            ("longer side", *(_range(split.longer_side) for split in splits)),
            *counts,
        ]
    )
    if report.division:
        click.echo(f"Validation images: {report.division}.")
    for split in splits:
        for entry in split.unreadable:
            click.echo(f"Unreadable: {entry['image']} {entry['reason']}")
    for pair in report.duplicates:
        click.echo(f"Duplicate: {pair['validation']} is {pair['training']}")
    for text in report.warnings:
        click.echo(click.wrap_text(f"Warning: {text}.", WIDTH, subsequent_indent="  "))
    for text in report.problems:
        click.echo(f"Problem: {text}.")
    if not report.problems:
        click.echo("No problem found.")
    sys.exit(code)


def _range(spread: tuple[int, int, int]) -> str:
    smallest, median, largest = spread
    return f"{smallest} to {largest}, median {median}"
