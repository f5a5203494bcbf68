"""The commands, one a module: parse, call one function, print. This is what they share."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import click

from alexnet_keras.config.training import DataSource
from alexnet_keras.system import native_stderr

change_option = click.option(
    "--change",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a number of the variant's, as `info --variant` names it: activation=tanh, lrn_layers=1,2,3 or none.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def data_options(help_text: str, required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--data` with what says where to look for it: `data`, `data_dir`, `manual_dir` and `split` of a command."""
    folder = click.Path(file_okay=False, resolve_path=True)
    options = (
        click.option("--data", required=required, help=help_text),
        click.option("--data-dir", type=folder, help="Where built data sets are.  [default: as TFDS has it]"),
        click.option("--manual-dir", type=folder, help="Where archives lie.  [default: downloads/manual in there]"),
        click.option("--split", help="For training and validation: 'train[:80%],train[80%:]'.  [default: its own]"),
    )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def data_source(recorded: Callable[[], DataSource], data: str | None, **where: str | None) -> DataSource:
    """The data set that the options name, or else the one that a run recorded."""
    source = DataSource(name=data) if data else recorded()
    return dataclasses.replace(source, **{name: value for name, value in where.items() if value is not None})


def example(text: str) -> str:
    """The last lines of a command's help."""
    return f"\b\nExample:\n  {text}"


def load_tensorflow() -> None:
    """Import TensorFlow without the lines that its C++ side writes to standard error before it can be told not to."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors come as exceptions too
    os.environ["KERAS_BACKEND"] = "tensorflow"  # data, training and exports are TensorFlow's
    with native_stderr.silenced():
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for GPUs, and complains where there is no driver


def size_of(count: int) -> str:
    """A number of bytes, for people."""
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.2f} MB"


def percent(fraction: float) -> str:
    return f"{fraction:.2%}"


def print_pairs(pairs: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name:{width}}  {value}")
