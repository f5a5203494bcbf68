"""Train what an experiment lacks, and compare its networks."""

import dataclasses
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.benchmark.plan import plan
from alexnet_keras.config.experiments import MAX_SEEDS, Experiment, Row
from alexnet_keras.config.recipes import stretched
from alexnet_keras.config.serialization import from_dict, to_dict
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data.sources.open_dataset import absolute_source
from alexnet_keras.figures import SUFFIXES
from alexnet_keras.reproduction import chance
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import pair_lines, print_message
from alexnet_keras.system.errors import AbsentError, DivergedError, InputError, Interrupted, check
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.progress import duration
from alexnet_keras.system.provenance import provenance
from alexnet_keras.training import run_folder
from alexnet_keras.training.train import train

DIVERGED = "diverged.json"  # in the folder of a run whose loss was not finite: its configuration and the error


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """The measurements of one row.

    Attributes:
        name: the row.
        learning_rate: that of the runs, the best one if there were several.
        epochs: the epochs of each run at most; a run that reaches the target ends.
        seeds: the seeds, ascending.
        runs: the folder of each seed.
        values: for each seed the validation error after the last epoch or, with a target, the epochs until the training
            error reached it; `None` if it did not, or if the loss was not finite.
        diverged: the seeds whose loss was not finite.
        mean, deviation: of the values, the deviation as that of a sample (n - 1); `None` where there are too few, or if
            a value is missing.
        difference: the mean minus that of the first row; `None` in the first row and with a target.
        probability: the p-value of the difference, for all comparisons together; `None` if it was not tested, because
            no row has two seeds, or because the images of the first row have another size.
        published, published_difference: the published error of this row, and its difference from that of the first row.
    """

    name: str
    learning_rate: float
    epochs: int
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    values: tuple[float | None, ...]
    mean: float | None
    deviation: float | None
    diverged: tuple[int, ...] = ()
    difference: float | None = None
    probability: float | None = None
    published: float | None = None
    published_difference: float | None = None

    @property
    def by_chance(self) -> bool | None:
        """Whether the difference may be chance; `None` if that was not tested."""
        return None if self.probability is None else self.probability >= chance.SIGNIFICANCE

    @property
    def bound(self) -> float | None:
        """With a target, the mean epochs at least: a run that did not reach it would take more than it has.

        It is `None` if a loss was not finite, because no number of epochs is enough then.
        """
        epochs = (self.epochs if value is None else value for value in self.values)
        return None if self.diverged else statistics.fmean(epochs)

    @property
    def divergence(self) -> str:
        """Which runs had a loss that is not finite, in words."""
        diverged, all_runs = len(self.diverged), len(self.seeds)
        return "diverged" if diverged == all_runs else f"diverged ({diverged} of {all_runs} seeds)" if diverged else ""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """The result of an experiment.

    Attributes:
        experiment, title, protocol, published, target, published_ratio: as in `config.experiments.Experiment`.
        data: the data set.
        rows: the results of its networks.
        ratio: with a target, the mean epochs of the last row divided by those of the first.
        ratio_is_bound: whether a run of the last row did not reach the target, so that the ratio is larger.
        picture: the file of the picture.
        test: the test of the differences, in words; empty if none was tested.
        provenance: versions, hardware, commit and time.
    """

    experiment: str
    title: str
    protocol: str
    published: str
    data: str
    rows: tuple[RowResult, ...]
    target: float | None
    ratio: float | None
    ratio_is_bound: bool
    published_ratio: float | None
    picture: str
    test: str
    provenance: Mapping[str, Any]

    @property
    def ratio_in_words(self) -> str:
        """The ratio of the epochs as a phrase."""
        last, first = self.rows[-1].name, self.rows[0].name
        if self.ratio is None:
            missing = first if self.rows[0].mean is None else last
            return f"none, because not every seed of {missing} reaches the target"
        times = f"{self.ratio:.1f}"
        if self.ratio_is_bound:
            times = f"more than {math.floor(10 * self.ratio) / 10:.1f}"  # rounded up, it could be too much
        return f"{last} takes {times} times the epochs of {first}"

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class _Job:
    """One run of an experiment."""

    title: str
    config: TrainConfig
    run: Path


class Reproducer:
    """Trains the runs of an experiment, each in its own folder, and measures them.

    Args:
        data: another data set; `None` for that of the experiment.
        seeds: the number of seeds, to which those in `output` that are finished are added; `None` for that of the
            experiment.
        epochs: the epochs of each run; `None` for those of the experiment.
        picture: another file for the picture, which must not exist; `None` for one in `output`.
    """

    def __init__(
        self,
        name: str,
        experiment: Experiment,
        output: Path,
        data: str | None = None,
        seeds: int | None = None,
        epochs: int | None = None,
        picture: Path | None = None,
    ) -> None:
        check(seeds is None or 0 < seeds <= MAX_SEEDS, f"`seeds` must be 1 to {MAX_SEEDS}, got {seeds}.")
        self.name, self.experiment, self.output = name, experiment, output
        self.data = absolute_source(data or experiment.data)
        self.seeds, self.epochs = seeds or experiment.seeds, epochs
        self.results, self.picture = output / f"{name}.json", picture or output / f"{name}.png"
        if picture is not None:
            atomic_files.check_output(picture, SUFFIXES, "picture")
        ours = self.results.is_file() and read_json(self.results).get("experiment") == name
        for path in (self.results, self.picture):
            if path.exists() and not ours:
                raise InputError(f"{path} is not of an earlier call of this experiment; choose another `output`.")
        self.jobs = [
            job
            for row in experiment.rows
            for job in (*self._trials(row), *self._jobs(row, row.candidates, range(MAX_SEEDS)))
        ]
        self.finished = {job.run for job in self.jobs if self._check(job)}

    def reproduce(self) -> Reproduction:
        """Train what is missing, and measure all runs."""
        self._print_plan()
        rows = [self._measured(row) for row in self.experiment.rows]
        result = self._compared(rows)
        atomic_files.write_json(self.results, result.to_dict())
        return result

    def _trials(self, row: Row) -> list[_Job]:
        """The short runs that choose one of several candidates."""
        if len(row.candidates) == 1:
            return []
        epochs = min(self.experiment.trial_epochs, self.epochs or self.experiment.trial_epochs)
        return [self._job(row, candidate, "trial", epochs=epochs) for candidate in row.candidates]

    def _jobs(self, row: Row, candidates: Sequence[TrainConfig], seeds: Sequence[int]) -> list[_Job]:
        """The runs of a row with some of its candidates, for each seed."""
        return [
            self._job(row, candidate, f"seed {seed}", self.epochs, seed=seed, target_error=self.experiment.target)
            for candidate in candidates
            for seed in seeds
        ]

    def _chosen(self, row: Row, candidates: Sequence[TrainConfig]) -> list[_Job]:
        """The runs of a row that are wanted, and those with further seeds that are finished."""
        jobs = self._jobs(row, candidates, range(MAX_SEEDS))
        return [job for job in jobs if job.config.seed < self.seeds or job.run in self.finished]

    def _job(self, row: Row, candidate: TrainConfig, name: str, epochs: int | None, **changes: Any) -> _Job:
        rate = f", learning rate {candidate.learning_rate:g}" if len(row.candidates) > 1 else ""
        title = f"{row.name}{rate}, {name}"
        config = candidate if epochs is None else stretched(candidate, epochs)
        run = self.output / title.lower().replace(", ", "-").replace(" ", "-").replace("'", "")
        return _Job(title, dataclasses.replace(config, data=self.data, **changes), run)

    def _check(self, job: _Job) -> bool:
        """Return whether a run is finished. A run whose loss was not finite is."""
        if (job.run / DIVERGED).is_file():
            recorded = from_dict(read_json(job.run / DIVERGED)["config"])
        elif (job.run / run_folder.CONFIG).is_file():
            recorded, _ = run_folder.read_config(job.run)
        else:
            return False
        # Shards may be made otherwise, and the recipe is only a name.
        expected = dataclasses.replace(job.config, upright=recorded.upright, recipe=recorded.recipe)
        for field in dataclasses.fields(TrainConfig):
            before, now = getattr(recorded, field.name), getattr(expected, field.name)
            if before != now:
                if field.name == "architecture":
                    before, now = "another", "this"
                raise InputError(
                    f"{job.run} was trained with {field.name} {before} instead of {now}; choose another `output`, or "
                    "remove the folder."
                )
        return any((job.run / name).is_file() for name in (run_folder.EVALUATION, DIVERGED))

    def _print_plan(self) -> None:
        """Print what will be trained, and an estimate of the time, on standard error."""
        missing = []
        for row in self.experiment.rows:
            missing += [job for job in self._trials(row) if job.run not in self.finished]
            done = {job.config.seed for job in self._chosen(row, row.candidates) if job.run in self.finished}
            first = self._chosen(row, row.candidates[:1])  # the best candidate is not known yet
            missing += [job for job in first if job.config.seed not in done]
        counts = f"{len(missing):,} to train in {self.output}, {len(self.finished):,} finished before"
        rows = {"experiment": self.experiment.title, "data": self.data, "runs": counts}
        if missing:
            rows["time"] = self._estimate(missing)
        for line in pair_lines(rows.items()):
            print(line, file=sys.stderr, flush=True)

    def _estimate(self, missing: Sequence[_Job]) -> str:
        """Estimate the time of runs, for each kind from finished ones or, without these, from measured steps."""
        seconds: dict[Any, float] = {}  # of an epoch
        sources: set[str] = set()
        for job in missing:
            kind = _kind(job.config)
            if kind in seconds:
                continue
            same = [other.run for other in self.jobs if other.run in self.finished and _kind(other.config) == kind]
            epochs = [row["seconds"] for run in same for row in history(run)]
            if epochs:
                seconds[kind] = statistics.fmean(epochs)
                sources.add("finished runs")
                continue
            keras.utils.clear_session()  # the networks before take memory
            try:
                first = plan(job.config)
            except AbsentError:
                return "not known before the data set is on this machine"
            seconds[kind] = 3600 * first.hours / first.epochs
            sources.add("a few measured steps")
        about = "about" if self.experiment.target is None else "at most about"  # a run that reaches the target ends
        total = sum(seconds[_kind(job.config)] * job.config.epochs for job in missing)
        return f"{about} {duration(total)}, estimated from {' and '.join(sorted(sources, reverse=True))}"

    def _measured(self, row: Row) -> RowResult:
        """Train what a row lacks, and measure its runs."""
        candidates = {candidate.learning_rate: candidate for candidate in row.candidates}
        best = candidates[self._best_rate(self._trials(row))] if len(candidates) > 1 else row.candidates[0]
        chosen = self._chosen(row, [best])
        for job in chosen:
            self._train(job)
        values = tuple(self._value(job.run) for job in chosen)
        known = [value for value in values if value is not None]
        complete = len(known) == len(values)
        return RowResult(
            name=row.name,
            learning_rate=best.learning_rate,
            epochs=chosen[0].config.epochs,
            seeds=tuple(job.config.seed for job in chosen),
            runs=tuple(str(job.run) for job in chosen),
            values=values,
            diverged=tuple(job.config.seed for job in chosen if (job.run / DIVERGED).is_file()),
            mean=statistics.fmean(known) if complete else None,
            deviation=statistics.stdev(known) if complete and len(known) > 1 else None,
            published=row.published,
        )

    def _best_rate(self, trials: Sequence[_Job]) -> float:
        """The learning rate whose trial ends with the smallest training error, the smallest one if all diverged."""
        errors: dict[float, float] = {}
        for job in trials:
            self._train(job)
            diverged = (job.run / DIVERGED).is_file()
            errors[job.config.learning_rate] = math.inf if diverged else history(job.run)[-1]["top1_error"]
        return min(errors, key=lambda rate: (errors[rate], rate))

    def _train(self, job: _Job) -> None:
        """Train a run, or continue it, unless it is finished."""
        if job.run in self.finished:
            return
        print(f"\n{job.title}", file=sys.stderr, flush=True)
        keras.utils.clear_session()  # the networks before take memory
        try:
            train(job.config, job.run, resume=(job.run / run_folder.CONFIG).is_file())
        except DivergedError as error:  # it would diverge again, and the other runs can be trained
            print_message(f"{job.title} has diverged: {error}")
            note = {"error": str(error), "config": to_dict(job.config)}
            atomic_files.write_json(job.run / DIVERGED, note, owner=job.run)
        except Interrupted as error:
            message = f"The run {job.run} was stopped. To continue, call the same command again."
            raise Interrupted(message, error.signal) from error
        self.finished.add(job.run)

    def _value(self, run: Path) -> float | None:
        if (run / DIVERGED).is_file():
            return None
        epochs = history(run)
        if self.experiment.target is None:
            return epochs[-1]["validation_top1_error"]
        return epochs_until(self.experiment.target, [row["top1_error"] for row in epochs])

    def _compared(self, rows: Sequence[RowResult]) -> Reproduction:
        experiment, bound = self.experiment, False
        ratio: float | None = None
        first, last = rows[0], rows[-1]
        if experiment.target is None:
            rows = self._with_differences(rows)
        elif first.mean is not None and last.bound is not None:
            bound = last.mean is None
            ratio = last.bound / first.mean
        test = chance.TEST if any(row.probability is not None for row in rows) else ""
        return Reproduction(
            experiment=self.name,
            **{name: getattr(experiment, name) for name in ("title", "protocol", "published", "target")},
            data=self.data,
            rows=tuple(rows),
            ratio=ratio,
            ratio_is_bound=bound,
            published_ratio=experiment.published_ratio,
            picture=str(self.picture),
            test=test,
            provenance=provenance(describe()),
        )

    def _with_differences(self, rows: Sequence[RowResult]) -> list[RowResult]:
        """Compare each row with the first one. Networks that see images of another size have another protocol."""
        sizes = [row.candidates[0].input_size for row in self.experiment.rows]
        same = [row for row, size in zip(rows, sizes, strict=True) if row.mean is not None and size == sizes[0]]
        first = rows[0]
        tested = {}
        if first.mean is not None:
            found = chance.differences([[value for value in row.values if value is not None] for row in same])
            tested = {row.name: probability for row, (_, probability) in zip(same[1:], found, strict=True)}
        compared = [first]
        for row in rows[1:]:
            theirs = None
            if row.published is not None and first.published is not None:
                theirs = row.published - first.published
            ours = None if row.mean is None or first.mean is None else row.mean - first.mean
            changes: dict[str, Any] = {
                "difference": ours,
                "probability": tested.get(row.name),
                "published_difference": theirs,
            }
            compared.append(dataclasses.replace(row, **changes))
        return compared


def history(run: Path) -> list[dict[str, float]]:
    """Return the finished epochs of a run, of which one whose loss was not finite may have none."""
    return run_folder.read_history(run) if (run / run_folder.HISTORY).is_file() else []


def _kind(config: TrainConfig) -> tuple[Any, ...]:
    """What the time of an epoch depends on."""
    return (
        *(config.architecture, config.input_size, config.batch_size),
        *(config.small_input_size, config.small_fraction),
    )


def epochs_until(target: float, errors: Sequence[float]) -> float | None:
    """Return after how many epochs an error falls to a target, between two epochs on a straight line.

    Args:
        target: the error, 0 to 1.
        errors: the error of each epoch; before the first one it is 1.

    Returns:
        The number of epochs, with a fraction; `None` if no error is as small.
    """
    before = 1.0
    for epoch, error in enumerate(errors):
        if error <= target:
            return epoch + (before - target) / (before - error) if before > error else float(epoch)
        before = error
    return None
