"""The command `runs`."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.completion import complete_run
from alexnet_keras.cli.options import example, json_option, percent, print_pairs, print_table
from alexnet_keras.cli.types import PathName
from alexnet_keras.system.columns import TOP5_VAL_ERROR, VAL_ERROR, print_message
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import duration
from alexnet_keras.system.tables import csv_text, markdown_lines
from alexnet_keras.system.terminal_text import printable

HEADINGS = ("run", VAL_ERROR, TOP5_VAL_ERROR, "epochs", "seed", "time")
SETTINGS = ("recipe", "variant", "data")


@click.command(epilog=example("alexnet-keras runs --markdown", "alexnet-keras runs saved_models/a saved_models/b"))
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=PathName(), shell_complete=complete_run)
@click.option("--csv", "as_csv", is_flag=True, help="Print one row for each run as CSV, with all digits.")
@click.option("--markdown", is_flag=True, help="Print Markdown tables.")
@json_option
def runs(folders: tuple[Path, ...], as_csv: bool, markdown: bool, as_json: bool) -> None:
    """List runs with their settings and validation errors.

    FOLDER is a run or a folder of runs. Without FOLDER, the command lists the runs in saved_models/.
    Runs that differ in nothing but their seeds get a row with the mean error and its standard deviation in percentage
    points.
    """
    if as_csv + markdown + as_json > 1:
        raise click.UsageError("--csv, --markdown and --json exclude each other; omit all but one of them.")
    from alexnet_keras.training.run_folder import ROOT
    from alexnet_keras.training.run_table import find_runs, over_seeds, summarize

    summaries, damaged = [], []
    for path in find_runs(folders or (ROOT,)):
        try:
            summaries.append(summarize(path))
        except InputError as error:  # the other runs are listed all the same
            damaged.append(str(error))
    found, seeds = [summary for summary, _ in summaries], over_seeds(summaries)
    if as_json:
        values = {"runs": found, "over_seeds": seeds, "damaged": damaged}
        click.echo(json.dumps(values, default=dataclasses.asdict))
    elif as_csv:
        names = [field.name for field in dataclasses.fields(found[0])] if found else []
        names.remove("top1_interval")
        click.echo(csv_text([names, *([getattr(run, name) for name in names] for run in found)]), nl=False)
    elif markdown:
        means = {group.runs[-1]: group for group in seeds}
        rows: list[tuple[str, ...]] = [(*HEADINGS, *SETTINGS)]
        for run in found:
            rows.append((*_cells(run), *_settings(run)))
            if run.run in means:
                rows.append((*_mean_cells(means[run.run]), *_settings(run)))
        for line in markdown_lines(rows):
            click.echo(printable(line))
    else:
        _print(summaries, seeds)
    for message in damaged:
        print_message(f"Error: {printable(message)}")
    sys.exit(1 if damaged else 0)


def _print(summaries: Sequence[tuple[Any, str]], seeds: Sequence[Any]) -> None:
    """Print a table for the runs of each configuration, under its settings."""
    groups: dict[str, list[Any]] = {}
    for run, settings in summaries:
        groups.setdefault(settings, []).append(run)
    tables = []
    for group in groups.values():
        means = [_mean_cells(each) for each in seeds if each.runs[0] in {run.run for run in group}]
        tables.append([HEADINGS, *map(_cells, group), *means])
    for number, (group, table) in enumerate(zip(groups.values(), tables, strict=True)):
        if number:
            click.echo()
        print_pairs(list(zip(SETTINGS, _settings(group[0]), strict=True)))
        print_table(table, others=[row for each in tables for row in each])


def _settings(run: Any) -> tuple[str, ...]:
    return tuple(getattr(run, name) for name in SETTINGS)


def _cells(run: Any) -> tuple[str, ...]:
    """What `HEADINGS` names; an unfinished run has no errors."""
    errors = ["", ""] if not run.finished else [percent(run.top1_error), percent(run.top5_error)]
    epochs = str(run.epochs_done) if run.finished else f"{run.epochs_done} of {run.epochs}"
    return (run.run, *errors, epochs, str(run.seed), duration(60 * run.minutes))


def _mean_cells(group: Any) -> tuple[str, ...]:
    errors = [f"{percent(mean)} ± {100 * deviation:.2f}" for mean, deviation in (group.top1, group.top5)]
    return (f"mean of {len(group.seeds)} seeds", *errors, "", "", "")
