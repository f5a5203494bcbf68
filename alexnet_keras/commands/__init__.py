"""The commands, one a module: parse, call one function, print. This is what they share."""

import os
import sys

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def example(text: str) -> str:
    """The last lines of a command's help."""
    return f"\b\nExample:\n  {text}"


def load_tensorflow() -> None:
    """Import TensorFlow without the lines that its C++ side writes to standard error before it can be told not to."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors come as exceptions too
    os.environ["KERAS_BACKEND"] = "tensorflow"  # data, training and exports are TensorFlow's
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for GPUs, and complains where there is no driver
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def percent(fraction: float) -> str:
    return f"{fraction:.2%}"


def print_pairs(pairs: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name:{width}}  {value}")
