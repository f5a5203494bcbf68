"""The command line: its group and its exit codes. Only commands that run import TensorFlow, so `--help` is quick."""

import sys
from typing import Any

import click

from alexnet_keras.cli.benchmark import benchmark
from alexnet_keras.cli.compress import compress
from alexnet_keras.cli.data import data
from alexnet_keras.cli.evaluate import evaluate
from alexnet_keras.cli.export import export
from alexnet_keras.cli.features import features
from alexnet_keras.cli.figures import figures
from alexnet_keras.cli.info import info
from alexnet_keras.cli.messages import in_options
from alexnet_keras.cli.predict import predict
from alexnet_keras.cli.train import train
from alexnet_keras.cli.weights import weights
from alexnet_keras.system.errors import InputError, Interrupted, OptionError, RunError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Commands(click.Group):
    """Turns every mistake of a user into one line on standard error: exit code 2 for usage, 1 for the rest."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = super().main(*args, **{**kwargs, "standalone_mode": False})
        except (click.UsageError, OptionError) as error:
            _fail(
                error.format_message() if isinstance(error, click.UsageError) else in_options(str(error), self), code=2
            )
        except Interrupted as error:
            click.echo(in_options(str(error), self), err=True)
            sys.exit(128 + error.signal)
        except click.Abort:
            _fail("Interrupted.", code=INTERRUPTED)
        except (click.ClickException, InputError, RunError, OSError) as error:
            _fail(
                error.format_message() if isinstance(error, click.ClickException) else in_options(str(error), self),
                code=1,
            )
        sys.exit(result if isinstance(result, int) else 0)


def _fail(message: str, code: int) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(code)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="alexnet-keras")
@click.pass_context
def main(context: click.Context) -> None:
    """AlexNet for Keras: train it, measure it, use it, export it.

    \b
    Example:
      alexnet-keras train
      alexnet-keras export --format tflite
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (train, evaluate, predict, export, compress, info, data, figures, benchmark, weights, features):
    main.add_command(command)
