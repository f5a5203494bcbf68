"""The command `reproduce`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import click

from alexnet_keras import api
from alexnet_keras.cli.completion import complete_data
from alexnet_keras.cli.options import example, json_option, load_tensorflow, percent, print_pairs, print_table
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.experiments import EXPERIMENTS, MAX_SEEDS, experiment
from alexnet_keras.config.ranges import Count, Range
from alexnet_keras.config.training import DataSource
from alexnet_keras.system.columns import VAL_ERROR

if TYPE_CHECKING:
    from alexnet_keras.reproduction.experiment import Reproduction, RowResult


@click.command(
    epilog=example(
        "alexnet-keras reproduce figure-1 --data cifar10",
        "alexnet-keras reproduce ablations --data imagenette --seeds 3",
    )
)
@click.argument("name", type=click.Choice(list(EXPERIMENTS)))
@click.option(
    "--data",
    type=PathName(str),
    metavar="DATA",
    shell_complete=complete_data,
    help="The data set, as for train.  [default: cifar10, or imagenette for ablations]",
)
@click.option(
    "--seeds",
    type=Number(Annotated[int, Range(1, MAX_SEEDS)]),
    help="Number of seeds of each network.  [default: the experiment's]",
)
@click.option("--epochs", type=Number(Count), help="Epochs of each run.  [default: the experiment's]")
@click.option(
    "--output",
    type=PathName(),
    metavar="DIR",
    help="Folder of the runs, the results and the picture.  [default: a folder in saved_models/]",
)
@click.option(
    "--picture",
    type=PathName(),
    metavar="FILE",
    help="The .png or .svg file of the picture.  [default: a .png file in --output]",
)
@json_option
def reproduce(name: str, data: str | None, as_json: bool, **options: Any) -> None:
    """Repeat an experiment of the paper beside its published numbers (needs the extra 'figures').

    figure-1 compares ReLU with tanh, cifar-18 trains the small network of the 2012 code, and ablations trains AlexNet
    without one of its parts, for each part in turn. Each network is a run. A command that was stopped continues when it
    is called again, and finished runs are not trained again. The command first says what it will train and how long
    that takes.
    """
    source = data or experiment(name).data
    from alexnet_keras import figures
    from alexnet_keras.data.sources.tfds_library import check_available

    _ = figures.save  # fails at once without matplotlib
    check_available(DataSource(name=source))
    load_tensorflow()
    result = api.reproduce(name, data, **options)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
    else:
        show(result)


def show(result: "Reproduction") -> None:
    """Print the protocols and the table of an experiment."""
    pairs = [("experiment", result.title), ("data", result.data), ("ours", f"{result.protocol}.")]
    pairs += [("published", f"{result.published}."), ("test", f"{result.test}.")]
    print_pairs([(title, text) for title, text in pairs if text != "."])
    click.echo()
    heads: list[tuple[str, ...]]
    if result.target is None:
        heads = [
            ("", "", "our", "", "", "published", "", ""),
            ("", VAL_ERROR, "difference", "p", "published", "difference", "epochs", "seeds"),
        ]
        cells = map(_error_cells, result.rows)
    else:
        heads = [("", f"epochs to {result.target:.0%}", "learning rate", "epochs", "seeds")]
        cells = map(_epoch_cells, result.rows)
    print_table([*heads, *cells])
    if result.target is not None:
        click.echo(f"Ratio: {result.ratio_in_words}; published: {result.published_ratio:g} times.")
    click.echo(f"Wrote {result.picture}")


def _error_cells(row: "RowResult") -> tuple[str, ...]:
    spread = "" if row.deviation is None else f" ± {100 * row.deviation:.2f}"
    error = row.divergence if row.mean is None else percent(row.mean) + spread
    chance = "" if row.probability is None else f"{_p(row.probability)}{' chance' if row.by_chance else ''}"
    published = "" if row.published is None else percent(row.published)
    points = (_points(row.difference), chance, published, _points(row.published_difference))
    return (row.name, error, *points, str(row.epochs), str(len(row.seeds)))


def _epoch_cells(row: "RowResult") -> tuple[str, ...]:
    spread = "" if row.deviation is None else f" ± {row.deviation:.1f}"
    reached = sum(value is not None for value in row.values)
    epochs = row.divergence or "not reached"
    if row.mean is not None:
        epochs = f"{row.mean:.1f}{spread}"
    elif reached and row.bound is not None:
        epochs = f"≥ {row.bound:.1f} ({reached} of {len(row.seeds)} seeds)"
    return (row.name, epochs, f"{row.learning_rate:g}", str(row.epochs), str(len(row.seeds)))


def _p(probability: float) -> str:
    return "<0.001" if probability < 0.001 else f"{probability:.3f}"


def _points(difference: float | None) -> str:
    return "" if difference is None else f"{100 * difference:+.2f}"
