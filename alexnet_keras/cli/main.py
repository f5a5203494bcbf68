"""The command line: its commands and its exit codes."""

import contextlib
import functools
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from alexnet_keras.cli.groups import Group
from alexnet_keras.system.columns import WIDTH, print_message
from alexnet_keras.system.errors import InputError, Interrupted, OptionError, RunError
from alexnet_keras.system.signals import Signals
from alexnet_keras.system.terminal_text import printable, shorten

# Each command is in the module with its name, which is imported when the command is used: this overview is quick.
SUMMARIES = {  # in the order in which a user needs them
    "train": "Train a network.",
    "evaluate": "Measure the top-1 and top-5 error of a model on validation images.",
    "predict": "Print or write the most probable classes of images.",
    "runs": "List runs with their settings and validation errors.",
    "report": "Write an HTML file about a run.",
    "reproduce": "Repeat an experiment of the paper beside its published numbers.",
    "export": "Write a model in another format, and compare it with the original.",
    "web": "Serve a folder that 'export --format web' wrote.",
    "compress": "Prune, retrain, cluster and code the weights of a run.",
    "info": "Print the layers, output shapes and parameters of a model or a variant.",
    "data": "Prepare a data set for training, or check it.",
    "figures": "Draw what a network learned, for slides.",
    "benchmark": "Measure the speed of training, of the input pipeline or of a model.",
    "weights": "Import and export trained weights of Caffe, PyTorch, NumPy and Keras.",
    "features": "Write the output of one layer for the images of a data set.",
}
INTERRUPTED = 130  # 128 + SIGINT, as in shells


class Program(Group):
    """A group of commands that reports an expected error as one line on standard error instead of a traceback.

    The exit code is 2 for an error in the command line, 1 for files and data that cannot be used and for runs that
    cannot continue, and 128 plus the number of the signal that stopped the program.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _load(cmd_name) if cmd_name in SUMMARIES else None

    @property
    def commands(self) -> dict[str, click.Command]:  # type: ignore[override]
        """All commands, whose modules this imports."""
        return {name: _load(name) for name in SUMMARIES}

    @commands.setter
    def commands(self, commands: object) -> None:
        """Click sets the commands that it was given, which are none."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal in Latin-1 has no letters of other scripts
        words = sys.argv[1:] if args is None else args
        try:
            with Signals(), warnings.catch_warnings():
                warnings.showwarning = functools.partial(_warn, set())  # type: ignore[assignment]
                result = super().main(args, *others, **{**options, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            _fail("Interrupted.", INTERRUPTED)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except OptionError as error:
            _fail(self._in_options(str(error), words), 2)
        except (InputError, RunError) as error:
            for message in error.args[:-1]:  # of several failures, each has a line
                _print_message("Error: " + self._in_options(message, words))
            _fail(self._in_options(error.args[-1], words), 1)
        except OSError as error:
            _fail(_explain(error), 1)
        except MemoryError as error:
            _fail(f"The memory does not suffice ({error}); use smaller batches, images or networks.", 1)
        except Interrupted as error:
            sys.unraisablehook = lambda ignored: None  # objects whose constructors were stopped fail when they end
            _fail(self._in_options(error.args[0], words), 128 + error.signal, "")
        sys.exit(result if isinstance(result, int) else 0)

    def _in_options(self, message: str, words: Sequence[str]) -> str:
        from alexnet_keras.cli.messages import in_options

        return in_options(message, self, words)


def _load(name: str) -> click.Command:
    return getattr(importlib.import_module(f"alexnet_keras.cli.{name}"), name)


def _warn(shown: set[str], message: Warning | str, *_: Any) -> None:
    """Print a warning of the library in one line, once in a command."""
    line = f"Warning: {message}"
    if line not in shown:
        shown.add(line)
        _print_message(line)


def _fail(message: str, code: int, prefix: str = "Error: ") -> None:
    _print_message(prefix + message)
    sys.exit(code)


def _print_message(message: str) -> None:
    print_message(shorten(printable(" ".join(message.split()))))


def _explain(error: OSError) -> str:
    """Say which file an error of the system concerns, or that standard output or another open file is full."""
    from alexnet_keras.system.atomic_files import FULL

    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):  # otherwise Python would fail again when it flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.filename is not None:
        path = os.fsdecode(error.filename)
        return f"{path} cannot be used ({error.strerror}); check the path, its permissions and its disk."
    if error.errno in FULL:
        return f"The output cannot be written ({error.strerror}); remove files, or write to another disk."
    return str(error)


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
    epilog="\b\nExample:\n  alexnet-keras train\n  alexnet-keras export --format tflite",
)
@click.version_option(package_name="alexnet-keras")
@click.pass_context
def main(context: click.Context) -> None:
    """Train, evaluate, use and export AlexNet, the network of Krizhevsky, Sutskever and Hinton (2012)."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
