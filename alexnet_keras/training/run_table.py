"""Compare runs: their settings and results, and the mean over the seeds of runs that are otherwise equal."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet_keras.config.command_line import in_words
from alexnet_keras.config.serialization import to_dict
from alexnet_keras.system.errors import OptionError
from alexnet_keras.training import run_folder


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """The settings and results of a run.

    Attributes:
        recipe, variant: their names, with the fields in which the run differs from them.
        best_epoch: the epoch of model.keras; `None` if no epoch is finished.
        finished: whether the run has come to its end; only then it has errors.
        top1_error, top5_error: the errors in evaluation.json, 0 to 1.
        top1_interval: the 95% interval of the top-1 error.
        minutes: the time of all finished epochs.
    """

    run: str
    recipe: str
    variant: str
    data: str
    seed: int
    precision: str
    epochs: int
    epochs_done: int
    best_epoch: int | None
    finished: bool
    top1_error: float | None
    top1_interval: tuple[float, float] | None
    top5_error: float | None
    images: int | None
    minutes: float


@dataclass(frozen=True, kw_only=True)
class SeedSummary:
    """The errors of runs that differ in nothing but their seeds.

    Attributes:
        seeds: the seeds, ascending. Of several runs with one seed, the mean counts.
        top1, top5: the mean of the errors and their standard deviation, that of a sample (n - 1).
    """

    runs: tuple[str, ...]
    recipe: str
    variant: str
    data: str
    seeds: tuple[int, ...]
    top1: tuple[float, float]
    top5: tuple[float, float]


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """Return the runs among folders and in them, by name."""
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir() and folder != run_folder.ROOT:
            raise OptionError(f"There is no folder {folder}; name a run, or a folder of runs.")
        is_run = (folder / run_folder.CONFIG).exists()
        found += [folder] if is_run else sorted(path.parent for path in folder.glob(f"*/{run_folder.CONFIG}"))
    if not found:
        names = ", ".join(map(str, folders))
        raise OptionError(f"There is no run in {names}; make one with 'alexnet-keras train', or name another folder.")
    return list(dict.fromkeys(found))


def summarize(run: Path) -> tuple[RunSummary, str]:
    """Read the settings and results of a run.

    Returns:
        The summary, and a text that is equal for runs that differ in nothing but their seeds.
    """
    config, measured = run_folder.read_config(run)
    history = run_folder.read_history(run) if (run / run_folder.HISTORY).exists() else []
    evaluation = run_folder.read_evaluation(run) if (run / run_folder.EVALUATION).exists() else None
    recipe, variant = in_words(config, but=("seed", "epochs"))
    summary = RunSummary(
        run=str(run),
        recipe=recipe,
        variant=variant,
        data=config.data,
        seed=config.seed,
        precision=measured.policy,
        epochs=config.epochs,
        epochs_done=len(history),
        best_epoch=run_folder.best_epoch(history),
        finished=evaluation is not None,
        top1_error=None if evaluation is None else evaluation.top1_error,
        top1_interval=None if evaluation is None else evaluation.top1_interval,
        top5_error=None if evaluation is None else evaluation.top5_error,
        images=None if evaluation is None else evaluation.num_images,
        minutes=run_folder.minutes_of(history),
    )
    settings = {**to_dict(config), "seed": None, "precision": measured.policy, "weights": None}
    sizes = [measured.train_images, measured.validation_images, measured.weights and measured.weights.sha256]
    return summary, json.dumps([settings, sizes], sort_keys=True)


def over_seeds(summaries: Sequence[tuple[RunSummary, str]]) -> list[SeedSummary]:
    """Return the mean errors of finished runs that differ in nothing but their seeds, where there are several seeds."""
    groups: dict[str, list[RunSummary]] = {}
    for summary, settings in summaries:
        if summary.finished:
            groups.setdefault(settings, []).append(summary)
    found = []
    for runs in groups.values():
        seeds = sorted({run.seed for run in runs})
        if len(seeds) < 2:
            continue
        numbers: dict[str, Any] = {}
        for name in ("top1", "top5"):
            means = [
                statistics.fmean(getattr(run, f"{name}_error") for run in runs if run.seed == seed) for seed in seeds
            ]
            numbers[name] = (statistics.fmean(means), statistics.stdev(means))
        same = {name: getattr(runs[0], name) for name in ("recipe", "variant", "data")}
        found.append(SeedSummary(runs=tuple(run.run for run in runs), seeds=tuple(seeds), **same, **numbers))
    return found
