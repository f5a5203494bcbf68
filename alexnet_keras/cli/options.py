"""Options, help and tables that several commands share."""

import dataclasses
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli.completion import complete_data, complete_model
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config import pretrained
from alexnet_keras.config.ranges import Index, OpenFraction
from alexnet_keras.config.training import (
    SOURCE_FIELDS,
    STORED_SIZE,
    VALIDATION_SPLIT,
    CropArea,
    DataSource,
    StoredSize,
)
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.system import native_stderr
from alexnet_keras.system.columns import WIDTH, pair_lines, print_message
from alexnet_keras.system.progress import stage
from alexnet_keras.system.terminal_text import printable

RARE_DATA = ("manual_dir", "split_seed", "columns", "stored_size", "upright")  # options of data that few runs need
DATA = ("data", *(name for name in SOURCE_FIELDS if name not in RARE_DATA))
GROUPS: Mapping[str, Sequence[str]] = {"Options": (), "Data": DATA, "More about data": RARE_DATA}

change_option = click.option(
    "--change",
    "network",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change one field of the variant, such as activation=tanh or lrn_layers=1,2 (or none). "
    "'alexnet-keras info --variant paper' lists the fields. Can be repeated.",
)
operations_option = click.option(
    "--allow-all-operations",
    is_flag=True,
    help="Load a SavedModel even if its operations may read and write your files or run code.",
)
min_crop_area_option = click.option(
    "--min-crop-area",
    type=Number(CropArea),
    help="Random resized crops: the smallest fraction of the area of an image, such as 0.35.  [default: crops are not "
    "resized]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
IMAGENETTE = "imagenette, the trained network in this package, which knows ten classes"
ANY_MODEL = f"MODEL is a run, .keras, SavedModel, .tflite, .onnx, .alexnet or {IMAGENETTE}."
KERAS_MODEL = f"MODEL is a run, .keras, .alexnet or {IMAGENETTE}."
NEWEST_RUN = "Without MODEL, the command uses the newest run in saved_models/."
OR_IMAGENETTE = "If there is no run, it uses imagenette."
model_argument = click.argument("model", required=False, type=PathName(), shell_complete=complete_model)


def help_ends(*sentences: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Append a paragraph to the docstring of a command, which is its help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{' '.join(sentences)}"
        return function

    return decorate


def variant_option(help_text: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make the option `--variant`."""
    return click.option("--variant", type=click.Choice(list(ARCHITECTURES)), help=help_text, **options)


def output_file_option(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make the option `--output` for a file."""
    return click.option("--output", type=PathName(dir_okay=False), metavar="FILE", help=help_text)


def data_options(
    help_text: str, required: bool = False, stored: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make the options that name a data set: the fields of `DataSource`.

    If `stored` is false, leave out `--stored-size`.
    """
    folder = PathName(str, file_okay=False, resolve_path=True)
    rows = [
        ("--data-dir", folder, "Folder of data sets that TFDS has built.  [default: the folder of TFDS]"),
        (
            "--manual-dir",
            folder,
            "Folder of archives that you have downloaded.  [default: downloads/manual in the data folder]",
        ),
        ("--split", str, "Training and validation split of a TFDS data set, such as 'train[:80%],train[80%:]'."),
        (
            "--validation-split",
            Number(OpenFraction),
            "Fraction of each class for validation, of a folder or table without a split.  "
            f"[default: {VALIDATION_SPLIT}]",
        ),
        ("--fold", str, "Instead of a fraction, use one of k equal parts of each class for validation, such as 2/5."),
        (
            "--split-seed",
            Number(Index),
            "Random seed for dividing the images into training and validation.  [default: 0]",
        ),
        (
            "--upright/--no-upright",
            bool,
            "Turn images as their EXIF orientation says, or leave them as the camera stored them.  "
            "[default: --upright]",
        ),
        (
            "--columns",
            str,
            "Columns of a table, such as file=photo,label=species,split=none.  [default: the usual names]",
        ),
        (
            "--stored-size",
            Number(StoredSize),
            f"Side in pixels to which every image is resized before it is cropped.  [default: {STORED_SIZE}]",
        ),
    ]
    options = [click.option(name, type=kind, default=None, help=words) for name, kind, words in rows]
    data = click.option(
        "--data", type=PathName(str), metavar="DATA", required=required, help=help_text, shell_complete=complete_data
    )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([data, *(options if stored else options[:-1])]):
            function = option(function)
        return function

    return decorate


def data_source(recorded: Callable[[], DataSource], data: str | None, **where: Any) -> DataSource:
    """Return the data set that the options name, or otherwise the one that `recorded` returns."""
    from alexnet_keras.data.sources.tfds_library import check_available

    source = api.named_source(data, recorded) if data else recorded()
    given = {name: value for name, value in where.items() if value is not None}
    if given.keys() & {"validation_split", "fold"}:  # either replaces both
        given = {"validation_split": None, "fold": None, **given}
    if given:  # the images may be others than those of the run
        given["run_images"] = None
    source = dataclasses.replace(source, **given)
    check_available(source)
    return source


def model_or_pretrained(model: Path | None) -> Path:
    """Find a model or, without a name, the newest run; if there is no run, use the network in the package and say so.

    Raises:
        OptionError, InputError: as `api.find_model`.
    """
    path = api.run_or_pretrained() if model is None else api.find_model(model)
    if model is None and path == pretrained.FILE:
        notice = (
            f"There is no run with a model, so the command uses {pretrained.NAME}, the trained network in this "
            f"package. It knows only {pretrained.LABELS}."
        )
        print_message(notice)
    return path


class GroupedCommand(click.Command):
    """A command whose help lists its options under headings.

    Args:
        groups: heading -> names of parameters. An empty group stands for the options that no other group names.
    """

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]] = GROUPS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        records = {str(option.name): option.get_help_record(ctx) for option in options}
        named = {name for names in self.groups.values() for name in names}
        others = [name for name in records if name not in named]
        for title, names in self.groups.items():
            rows = [record for name in names or others if (record := records.get(name)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def example(*commands: str) -> str:
    """Return the end of a command's help, which shows how to call it."""
    return "\b\nExample:\n" + "\n".join(f"  {command}" for command in commands)


def load_tensorflow(logs: bool = False) -> None:
    """Import TensorFlow without the messages that its C++ libraries write while it is imported.

    Args:
        logs: whether a file or a pipe gets a line about it, for a command that runs for long.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the pipeline, training and exports need TensorFlow
    if logs and not sys.stderr.isatty() and "tensorflow" not in sys.modules:
        print("Loading TensorFlow ...", file=sys.stderr, flush=True)
    with stage("Loading TensorFlow"), native_stderr.loading():  # for 3 to 10 seconds
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for GPUs and warns if there is no driver


def model_line(facts: Mapping[str, Any]) -> str:
    """Name a model as `api.model_facts` describes it, such as `RUN/model.keras (variant paper, best epoch 5 of 6)`."""
    known = [f"variant {facts['variant']}"] if facts.get("variant") else []
    known += [f"best epoch {facts['epoch']} of {facts['epochs']}"] if facts.get("epoch") else []
    return f"{facts['path']} ({', '.join(known)})" if known else str(facts["path"])


def percent(fraction: float) -> str:
    return f"{fraction:.2%}"


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two aligned columns, without control characters."""
    for line in pair_lines([(printable(name), printable(value)) for name, value in pairs]):
        click.echo(line)


def print_table(rows: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]] = ()) -> None:
    """Print rows in aligned columns, the first to the left and the others to the right, without control characters.

    A name that is too long for its line gets a line of its own.

    Args:
        others: rows of other tables that get the same widths.
    """
    columns = [[printable(str(cell)) for cell in column] for column in zip(*rows, *others, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    first = min(widths[0], WIDTH - sum(width + 2 for width in widths[1:]))
    for name, *cells in zip(*(column[: len(rows)] for column in columns), strict=True):
        if len(name) > first:
            click.echo(name)
            name = ""
        numbers = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        click.echo("  ".join([f"{name:{first}}", *numbers]))
