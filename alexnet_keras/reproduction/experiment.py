"""Train what an experiment lacks, and compare its networks."""

import dataclasses
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.benchmark.plan import plan
from alexnet_keras.config.experiments import Experiment, Row
from alexnet_keras.config.recipes import stretched
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data.sources.open_dataset import absolute_source
from alexnet_keras.figures import SUFFIXES
from alexnet_keras.reproduction import chance
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import pair_lines, print_message
from alexnet_keras.system.errors import AbsentError, InputError, Interrupted, RunError, check
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.progress import duration
from alexnet_keras.system.provenance import provenance
from alexnet_keras.training import run_folder
from alexnet_keras.training.train import train


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
            error reached it; `None` if it did not.
        mean, deviation: of the values, the deviation as that of a sample (n - 1); `None` where there are too few, or if
            a run did not reach the target.
        difference: the mean minus that of the first row; `None` in the first row and with a target.
        probability: the p-value of the difference, for all comparisons together; `None` with one seed.
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
    difference: float | None = None
    probability: float | None = None
    published: float | None = None
    published_difference: float | None = None

    @property
    def by_chance(self) -> bool | None:
        """Whether the difference may be chance; `None` if that was not tested."""
        return None if self.probability is None else self.probability >= chance.SIGNIFICANCE


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """The result of an experiment.

    Attributes:
        experiment, title, protocol, published, target, published_ratio: as in `config.experiments.Experiment`.
        data: the data set.
        rows: the results of its networks.
        ratio: with a target, the mean epochs of the last row divided by those of the first.
        ratio_is_bound: whether the last row did not reach the target, so that the ratio is larger.
        picture: the file of the picture.
        test: the test of the differences, in words.
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
            return f"none, because {first} does not reach the target"
        more = "more than " if self.ratio_is_bound else ""
        return f"{last} takes {more}{self.ratio:.1f} times the epochs of {first}"

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
        seeds, epochs: other numbers; `None` for those of the experiment.
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
        check(seeds is None or seeds > 0, f"`seeds` must be at least 1, got {seeds}.")
        self.name, self.experiment, self.output = name, experiment, output
        self.data = absolute_source(data or experiment.data)
        self.seeds, self.epochs = tuple(range(seeds or experiment.seeds)), epochs
        self.results, self.picture = output / f"{name}.json", picture or output / f"{name}.png"
        if picture is not None:
            atomic_files.check_output(picture, SUFFIXES, "picture")
        ours = self.results.is_file() and read_json(self.results).get("experiment") == name
        for path in (self.results, self.picture):
            if path.exists() and not ours:
                raise InputError(f"{path} is not of an earlier call of this experiment; choose another `output`.")
        jobs = [job for row in experiment.rows for job in (*self._trials(row), *self._jobs(row, row.candidates))]
        self.finished = {job.run for job in jobs if self._check(job)}

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

    def _jobs(self, row: Row, candidates: Sequence[TrainConfig]) -> list[_Job]:
        """The runs of a row with some of its candidates, for each seed."""
        return [
            self._job(row, candidate, f"seed {seed}", self.epochs, seed=seed, target_error=self.experiment.target)
            for candidate in candidates
            for seed in self.seeds
        ]

    def _job(self, row: Row, candidate: TrainConfig, name: str, epochs: int | None, **changes: Any) -> _Job:
        rate = f", learning rate {candidate.learning_rate:g}" if len(row.candidates) > 1 else ""
        title = f"{row.name}{rate}, {name}"
        config = candidate if epochs is None else stretched(candidate, epochs)
        run = self.output / title.lower().replace(", ", "-").replace(" ", "-").replace("'", "")
        return _Job(title, dataclasses.replace(config, data=self.data, **changes), run)

    def _check(self, job: _Job) -> bool:
        """Return whether a run is finished."""
        if not (job.run / run_folder.CONFIG).is_file():
            return False
        recorded, _ = run_folder.read_config(job.run)
        expected = dataclasses.replace(job.config, upright=recorded.upright)  # shards may be made otherwise
        for field in dataclasses.fields(TrainConfig):
            before, now = getattr(recorded, field.name), getattr(expected, field.name)
            if before != now:
                if field.name == "architecture":
                    before, now = "another", "this"
                raise InputError(
                    f"{job.run} was trained with {field.name} {before} instead of {now}; choose another `output`, or "
                    "remove the folder."
                )
        return (job.run / run_folder.EVALUATION).is_file()

    def _print_plan(self) -> None:
        """Print what will be trained, and an estimate of the time, on standard error."""
        missing = []
        for row in self.experiment.rows:
            missing += [job for job in self._trials(row) if job.run not in self.finished]
            done = sum(job.run in self.finished for job in self._jobs(row, row.candidates))
            first = [job for job in self._jobs(row, row.candidates[:1]) if job.run not in self.finished]
            missing += first[: max(0, len(self.seeds) - done)]  # the best candidate is not known yet
        counts = f"{len(missing):,} to train in {self.output}, {len(self.finished):,} finished before"
        rows = {"experiment": self.experiment.title, "data": self.data, "runs": counts}
        if missing:
            rows["time"] = self._estimate(missing)
        for line in pair_lines(rows.items()):
            print(line, file=sys.stderr, flush=True)

    def _estimate(self, missing: Sequence[_Job]) -> str:
        """Estimate the time of runs from finished ones or, without these, from measured steps."""
        histories = [run_folder.read_history(run) for run in sorted(self.finished)]
        epochs = sum(map(len, histories))
        if epochs:
            each = sum(row["seconds"] for history in histories for row in history) / epochs
            reason = f"estimated from {len(histories)} finished runs"
        else:
            try:
                first = plan(missing[0].config)
            except AbsentError:
                return "not known before the data set is on this machine"
            each = 3600 * first.hours / first.epochs
            reason = "estimated from a few measured steps of the first run, as if all rows took the same time"
        about = "about" if self.experiment.target is None else "at most about"  # a run that reaches the target ends
        return f"{about} {duration(each * sum(job.config.epochs for job in missing))}, {reason}"

    def _measured(self, row: Row) -> RowResult:
        """Train what a row lacks, and measure its runs."""
        candidates = {candidate.learning_rate: candidate for candidate in row.candidates}
        best = candidates[self._best_rate(self._trials(row))] if len(candidates) > 1 else row.candidates[0]
        chosen = self._jobs(row, [best])
        for job in chosen:
            self._train(job)
        values = tuple(self._value(job.run) for job in chosen)
        known = [value for value in values if value is not None]
        complete = len(known) == len(values)
        return RowResult(
            name=row.name,
            learning_rate=best.learning_rate,
            epochs=chosen[0].config.epochs,
            seeds=self.seeds,
            runs=tuple(str(job.run) for job in chosen),
            values=values,
            mean=statistics.fmean(known) if complete else None,
            deviation=statistics.stdev(known) if complete and len(known) > 1 else None,
            published=row.published,
        )

    def _best_rate(self, trials: Sequence[_Job]) -> float:
        """The learning rate whose trial ends with the smallest training error."""
        errors: dict[float, float] = {}
        for job in trials:
            try:
                self._train(job)
            except RunError as error:  # the learning rate may be too high
                print_message(f"{job.title} is left out: {error}")
                failure = error
            else:
                errors[job.config.learning_rate] = run_folder.read_history(job.run)[-1]["top1_error"]
        if not errors:
            raise failure
        return min(errors, key=lambda rate: errors[rate])

    def _train(self, job: _Job) -> None:
        """Train a run, or continue it, unless it is finished."""
        if job.run in self.finished:
            return
        print(f"\n{job.title}", file=sys.stderr, flush=True)
        keras.utils.clear_session()  # the networks before take memory
        try:
            train(job.config, job.run, resume=(job.run / run_folder.CONFIG).is_file())
        except Interrupted as error:
            message = f"The run {job.run} was stopped. To continue, call the same command again."
            raise Interrupted(message, error.signal) from error
        self.finished.add(job.run)

    def _value(self, run: Path) -> float | None:
        history = run_folder.read_history(run)
        if self.experiment.target is None:
            return history[-1]["validation_top1_error"]
        return epochs_until(self.experiment.target, [row["top1_error"] for row in history])

    def _compared(self, rows: Sequence[RowResult]) -> Reproduction:
        experiment, test, bound = self.experiment, "", False
        ratio: float | None = None
        first, last = rows[0], rows[-1]
        if experiment.target is None:
            test = chance.TEST
            found = chance.differences([[value for value in row.values if value is not None] for row in rows])
            for index, (difference, probability) in enumerate(found, 1):
                theirs = [row.published for row in (rows[index], first) if row.published is not None]
                changes: dict[str, Any] = {"difference": difference, "probability": probability}
                changes["published_difference"] = theirs[0] - theirs[1] if len(theirs) == 2 else None
                rows = [*rows[:index], dataclasses.replace(rows[index], **changes), *rows[index + 1 :]]
        elif first.mean is not None:
            bound = last.mean is None
            ratio = (last.epochs if last.mean is None else last.mean) / first.mean
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


def epochs_until(target: float, errors: Sequence[float]) -> float | None:
    """Return after how many epochs an error falls to a target, between two epochs on a straight line.

    Args:
        target: the error, 0 to 1.
        errors: the error of each epoch; before the first one it is 1.

    Returns:
        The epochs, not whole; `None` if no error is as small.
    """
    before = 1.0
    for epoch, error in enumerate(errors):
        if error <= target:
            return epoch + (before - target) / (before - error) if before > error else float(epoch)
        before = error
    return None
