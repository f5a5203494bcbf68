"""Data: prepare a data set once, and check what it holds."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import data_options, example, json_option, load_tensorflow, print_pairs, size_of
from alexnet_keras.config.training import DataSource

data_option = data_options("'shapes', 'imagenet', a folder, or the name of a TFDS data set.", required=True)
jobs_option = click.option(
    "--jobs", type=click.IntRange(min=1), default=os.cpu_count(), help="Pictures at once.  [default: one a processor]"
)


@click.group(epilog=example("alexnet-keras data prepare --data imagenet --output imagenet-256"))
def data() -> None:
    """Prepare a data set for training, and check it."""


@data.command(epilog=example("alexnet-keras data prepare --data imagenet --output imagenet-256"))
@data_option
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option("--size", type=int, default=256, show_default=True, help="Side of the pictures in pixels.")
@click.option(
    "--encoding",
    type=click.Choice(["jpeg", "raw"]),
    default="jpeg",
    show_default=True,
    help="About 24 to 32 KB a picture, or 192 KB that need no decoding.",
)
@jobs_option
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do about a picture that cannot be used.",
)
@json_option
def prepare(
    output: Path,
    size: int,
    encoding: str,
    jobs: int,
    on_error: str,
    as_json: bool,
    data: str,
    **where: Any,
) -> None:
    """Store every picture at 256 pixels, once, in shards that are read fast.

    Killed at any moment, the same command goes on from the last finished shard.
    """
    load_tensorflow()
    from alexnet_keras.data.shards.convert import Settings
    from alexnet_keras.data.shards.prepare import prepare as prepare_shards
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.system.progress import duration

    settings = Settings(size=size, encoding=encoding, jobs=jobs, skip_bad=on_error == "skip")
    result = prepare_shards(open_dataset(DataSource(name=data, **where)), output, settings)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    rows = [("pictures", ", ".join(f"{count:,} for {split}" for split, count in result.images.items()))]
    total = sum(result.images.values())
    rows += [("wrote", result.path), ("bytes", f"{size_of(result.bytes)}, {result.bytes / total:,.0f} a picture")]
    rows += [("shards", f"{result.shards:,}, of which {result.resumed_shards:,} were there before")]
    speed = f", {result.images_per_second:,.0f} pictures a second" if result.images_per_second else ""  # all were there
    rows += [("time", duration(result.seconds) + speed)]
    rows += [("cannot be used", f"{entry['picture']} {entry['reason']}") for entry in result.bad]
    print_pairs(rows)


@data.command(epilog=example("alexnet-keras data check --data imagenette"))
@data_option
@jobs_option
@json_option
def check(jobs: int, as_json: bool, data: str, **where: Any) -> None:
    """Count and read every picture; exit code 1 when training on them would go wrong."""
    load_tensorflow()
    from alexnet_keras.data.check import check as check_images
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.inference.class_labels import readable

    report = check_images(open_dataset(DataSource(name=data, **where)), jobs)
    if as_json:
        click.echo(json.dumps(report.to_dict()))
        sys.exit(1 if report.problems else 0)
    splits = (report.train, report.validation)
    table: list[tuple[Any, ...]] = [("", "training", "validation")]
    table.append(("pictures", *(f"{split.images:,}" for split in splits)))
    table.append(("unreadable", *(f"{len(split.unreadable):,}" for split in splits)))
    table.append(("in two classes", *(f"{split.contradictions:,}" for split in splits)))
    for name in ("shorter_side", "longer_side"):
        table.append((name.replace("_", " "), *(_range(getattr(split, name)) for split in splits)))
    classes = zip(map(readable, report.class_names), *(split.per_class for split in splits), strict=True)
    counts: list[tuple[Any, ...]] = sorted(classes, key=lambda row: -row[1])
    shown = counts if len(counts) <= 20 else [*counts[:5], ("...", "", ""), *counts[-5:]]
    table += shown
    widths = [max(len(str(row[column])) for row in table) for column in range(3)]
    for row in table:
        click.echo(f"{row[0]:{widths[0]}}  {row[1]!s:>{widths[1]}}  {row[2]!s:>{widths[2]}}".rstrip())
    for split in splits:
        for entry in split.unreadable:
            click.echo(f"Unreadable: {entry['picture']} {entry['reason']}")
    for pair in report.duplicates:
        click.echo(f"Duplicate: {pair['validation']} is {pair['training']}")
    for text in report.warnings:
        click.echo(f"Warning: {text}.")
    for text in report.problems:
        click.echo(f"Problem: {text}.")
    if not report.problems:
        click.echo("Nothing here would make training go wrong.")
    sys.exit(1 if report.problems else 0)


def _range(spread: tuple[int, int, int]) -> str:
    smallest, median, largest = spread
    return f"{smallest} to {largest}, median {median}"
