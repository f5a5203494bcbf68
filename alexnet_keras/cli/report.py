"""The command `report`."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_run
from alexnet_keras.cli.types import PathName


@click.command(
    cls=options.GroupedCommand,
    epilog=options.example(
        "alexnet-keras report saved_models/RUN", "alexnet-keras report saved_models/RUN --output pages/first.html"
    ),
)
@click.argument("run", required=False, type=PathName(), shell_complete=complete_run)
@options.data_options("The data set on whose images the network is measured.  [default: the data set of the run]")
@options.output_file_option("The .html file to write.  [default: report.html in RUN]")
@options.json_option
def report(run: Path | None, output: Path | None, as_json: bool, **where: Any) -> None:
    """Write an HTML file about RUN, with its errors, pictures and commands (needs the extra 'figures').

    The file can be read without an internet connection and contains no script. It has the settings of the run, the
    curves, the errors of the classes with 95% intervals, the confusion matrix, the best and the worst predictions, the
    kernels of conv1, the nearest neighbors of images, the exports in the folder of the run, and the environment.
    Without RUN, the command uses the newest run in saved_models/.
    """
    finished = api.finished_run(run)
    source = options.data_source(lambda: api.data_of(api.find_model(finished)), **where)
    options.load_tensorflow()
    path = api.report(finished, source, output)
    click.echo(json.dumps({"output": str(path)}) if as_json else f"Wrote {path}")
