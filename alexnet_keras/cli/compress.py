"""The command `compress`."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_run
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Range

CONTENTS = {
    "dense": "float32",
    "pruned": "weights and positions",
    "clustered": "256 and 32 values",
    "coded": ".alexnet archive",
    "tflite": "sparse float32",
}


@click.command(cls=options.GroupedCommand, epilog=options.example("alexnet-keras compress saved_models/RUN"))
@click.argument("run", required=False, type=PathName(), shell_complete=complete_run)
@click.option(
    "--kept",
    type=Number(Annotated[float, Range(0, 1, low_open=True)]),
    default=0.12,
    show_default=True,
    help="Fraction of the weights of fc6 and fc7 to keep. Han et al. kept 0.09.",
)
@click.option(
    "--epochs",
    type=Number(Annotated[int, Range(0, 1_000_000)]),
    default=5,
    show_default=True,
    help="Passes over the training images to retrain.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing compression, or start an unfinished one again.")
@options.data_options("The data set to retrain and evaluate on.  [default: the data set of the run]")
@options.json_option
def compress(run: Path | None, kept: float, epochs: int, overwrite: bool, as_json: bool, **where: Any) -> None:
    """Apply Deep Compression to RUN: prune, retrain, cluster and code its weights.

    The method is that of Han, Mao and Dally (2015).

    The run then also holds model.alexnet, which predict and evaluate read, and the sparse model-pruned.tflite. If the
    compression was stopped, the same command continues it. Without RUN, the command uses the newest
    run in saved_models/.
    """
    run = api.existing_run(run)
    model = api.find_model(run)
    source = options.data_source(lambda: api.data_of(model), **where)
    options.load_tensorflow()
    from alexnet_keras.compression.compress import ARCHIVE, Settings
    from alexnet_keras.compression.compress import compress as compress_run

    report = compress_run(run, Settings(kept=kept, epochs=epochs, source=source), overwrite)
    if as_json:
        click.echo(json.dumps({"run": str(run), **report}))
        return
    show_stages(report["stages"])
    click.echo("Next:")
    click.echo(f"  alexnet-keras evaluate {shlex.quote(str(run / ARCHIVE))}")


def show_stages(stages: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the size and the errors after each stage, beside the results of the paper."""
    from alexnet_keras.compression.compress import PAPER

    rows: list[tuple[str, ...]] = [("stage", "bytes", "smaller", "val error", "top-5 val error", "paper", "error")]
    for name, stage in stages.items():
        size, error = PAPER.get(name, (None, None))
        rows.append(
            (
                f"{name:11}{CONTENTS[name]}",
                f"{stage['bytes']:,}",
                f"{stages['dense']['bytes'] / stage['bytes']:.1f}x",
                options.percent(stage["top1_error"]),
                options.percent(stage["top5_error"]),
                "" if size is None else f"{PAPER['dense'][0] / size:.0f}x",
                "" if error is None else options.percent(error),
            )
        )
    options.print_table(rows)
    click.echo("The columns 'paper' and 'error' are the results of Han et al. on ImageNet.")
