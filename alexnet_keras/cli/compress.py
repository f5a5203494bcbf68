"""Compress: Deep Compression of a run's network."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import data_options, data_source, example, json_option, load_tensorflow, percent

WHAT = {
    "dense": "float32",
    "pruned": "what stays, and its distances",
    "shared": "numbers of 256 and 32 values",
    "coded": "the archive",
    "tflite": "sparse float32",
}


@click.command(epilog=example("alexnet-keras compress saved_models/RUN"))
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--kept", type=float, default=0.12, show_default=True, help="Share of fc6 and fc7 to keep; the paper kept 0.09."
)
@click.option("--epochs", type=int, default=5, show_default=True, help="Passes over the training images, to retrain.")
@click.option("--overwrite", is_flag=True, help="Replace the compression that is there, or begin it again.")
@data_options("The data set to retrain and measure on.  [default: the run's]")
@json_option
def compress(run: Path | None, kept: float, epochs: int, overwrite: bool, as_json: bool, **where: Any) -> None:
    """Make the network of RUN many times smaller: prune by magnitude, retrain, share weights, code (Han et al. 2015).

    Leaves model.alexnet, which predict and evaluate take, and a sparse model-pruned.tflite in the run. A compression
    that was stopped goes on with the same command.
    """
    from alexnet_keras.cli.find_model import data_of, newest
    from alexnet_keras.training import run_folder

    run = run or newest()
    source = data_source(lambda: data_of(run / run_folder.MODEL), **where)
    load_tensorflow()
    from alexnet_keras.compression.compress import ARCHIVE, PAPER, Settings
    from alexnet_keras.compression.compress import compress as compress_run

    report = compress_run(run, Settings(kept=kept, epochs=epochs, source=source), overwrite)
    if as_json:
        click.echo(json.dumps({"run": str(run), **report}))
        return
    click.echo(
        f"{'stage':8}{'':32}{'bytes':>13}{'times':>8}{'top-1 error':>13}{'top-5 error':>13}  the paper on ImageNet"
    )
    dense = report["stages"]["dense"]["bytes"]
    for name, stage in report["stages"].items():
        size, error = PAPER.get(name, (None, None))
        paper = "" if size is None else f"{size / 1e6:5.1f} MB {PAPER['dense'][0] / size:4.0f}"
        paper += "" if error is None else f"  {percent(error)}"
        click.echo(
            f"{name:8}{WHAT[name]:32}{stage['bytes']:13,}{dense / stage['bytes']:8.1f}"
            f"{percent(stage['top1_error']):>13}{percent(stage['top5_error']):>13}  {paper}"
        )
    click.echo(f"Next:  alexnet-keras evaluate {shlex.quote(str(run / ARCHIVE))}")
