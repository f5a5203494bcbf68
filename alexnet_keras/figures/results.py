"""Figures of results: errors by epoch, the most probable classes of images, and confusions between classes."""

import functools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from alexnet_keras.config.training import Source
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.dataset import DataSet, sample
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import CURVES_BY, one_pass, style
from alexnet_keras.figures.networks import predictor_of
from alexnet_keras.inference.evaluate import check_classes, evaluate
from alexnet_keras.inference.evaluation import LISTED, Answers, confusion_matrix
from alexnet_keras.system.errors import InputError, OptionError, check
from alexnet_keras.training.run_folder import read_config, read_history

IMAGES = 8  # of the figure of predictions
MOST_CLASSES = 25  # of the confusion matrix: more cannot be read on a slide
MARKERS = "os^D"  # of the first seven runs, of the next seven, and so on
CHARACTERS = 100  # of a line of labels under the confusion matrix, at the size SMALL
LOGARITHMIC = 8.0  # ratio of the largest to the smallest error from which the scale is logarithmic


def curves(runs: Any, by: str = CURVES_BY[0]) -> Figure:
    """Draw the training and validation error of one or several runs by epoch or by time.

    Args:
        runs: the folder of a run, a list of them, or name -> the folder of a run, or its history as
            `TrainResult.history` has it.
        by: the horizontal axis: `"epoch"`, or `"minutes"` of training and validation since the run began.

    Raises:
        OptionError: `by` is neither.
        InputError: a folder is no run, or a run has no finished epoch.
    """
    check(by in CURVES_BY, f"`by` must be one of {', '.join(CURVES_BY)}, got {by!r}.")
    runs, conditions = _histories(runs)
    keys = {"validation_top1_error": "solid", "top1_error": "dashed"}
    errors = np.array([row[key] for rows in runs.values() for row in rows for key in keys])
    logarithmic = errors.min() > 0 and errors.max() / errors.min() > LOGARITHMIC
    caption = f"Solid: error on the validation images. Dashed: error on the training images{conditions}."
    if len(runs) > 1:
        caption += " Numbers: the validation error of the best epoch, whose model is kept."
    title = "Top-1 error against training time" if by == "minutes" else "Top-1 error by epoch"
    figure = style.new(title, caption + (" The scale is logarithmic." if logarithmic else ""))
    axes = figure.subplots()
    style.plain(axes)
    most = max(map(len, runs.values()))
    for index, (name, history) in enumerate(runs.items()):
        positions, color = _positions(history, by), style.color(index)
        best = min(row["validation_top1_error"] for row in history)
        marker = MARKERS[index // len(style.COLORS) % len(MARKERS)] if most < 30 else None
        for key, line in keys.items():
            axes.plot(positions, [row[key] for row in history], color=color, linestyle=line, linewidth=2.5,
                      marker=marker, label=f"{best:.1%}  {name}" if line == "solid" else None)  # fmt: skip
        if len(runs) == 1:
            ends = {"validation": history[-1]["validation_top1_error"], "training": history[-1]["top1_error"]}
            higher = max(ends, key=ends.__getitem__)
            for word, end in ends.items():
                above = word == higher  # so that the two never overlap
                axes.annotate(f"{word} {end:.1%}", (positions[-1], end), (8, 2 if above else -2),
                              textcoords="offset points", va="bottom" if above else "top",
                              fontsize=style.LABEL, color=color, weight="bold",
                              bbox={"color": "white", "pad": 1})  # fmt: skip
    axes.margins(x=0.05, y=0.1)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, max(1.05 * errors.max(), 0.01))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.grid(axis="y", color=style.PALE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=by == "epoch", min_n_ticks=1))
    if by == "minutes":
        axes.set_xlim(left=0)
    elif most == 1:  # one point: without this, the axis would show fractions of an epoch
        axes.set_xlim(0.5, 1.5)
    axes.set_xlabel(by, fontsize=style.LABEL, color=style.INK)
    if len(runs) > 1:
        few = len(runs) <= len(style.COLORS)  # which leave room for their names between the curves
        place: Any = axes.legend if few else functools.partial(figure.legend, loc="outside right upper")
        place(fontsize=style.LABEL, frameon=False)
    return figure


def _positions(history: Sequence[Mapping[str, float]], by: str) -> np.ndarray:
    """Where the epochs of a run are on the horizontal axis."""
    if by == "epoch":
        return np.array([row["epoch"] for row in history])
    return np.cumsum([row["seconds"] for row in history]) / 60


def _histories(runs: Any) -> tuple[dict[str, Sequence[Mapping[str, float]]], str]:
    """Return the history of each run by its name, and what made their training errors larger, as text."""
    if isinstance(runs, str | Path):
        runs = [runs]
    if not isinstance(runs, Mapping):
        named: dict[str, Path] = {}
        for run in map(Path, runs):
            name = run.resolve().name
            named[str(run) if name in named else name] = run
        runs = named
    histories = {}
    conditions: dict[str, list[str]] = {"augmentation": [], "dropout": []}  # -> the runs that are known to have it
    for name, run in runs.items():
        history = run
        if isinstance(run, str | Path):
            config, _ = read_config(Path(run))
            conditions["augmentation"] += [name] if config.augment else []
            conditions["dropout"] += (
                [name] if config.architecture.dropout and config.architecture.dropout_layers else []
            )
            history = read_history(Path(run))
        if not history:
            raise InputError(f"The run {name} has no finished epoch; train it further before drawing its curves.")
        histories[name] = history
    found = [
        what if len(names) == len(runs) else f"{what} in {' and '.join(names)}"
        for what, names in conditions.items()
        if names
    ]
    return histories, f", with {' and with '.join(found)}" if found else ""


def predictions(model: Any, data: Source, wrong: bool = False, best: bool = False) -> Figure:
    """Draw validation images with their five most probable classes as bars (Figure 4 of the paper, left).

    Args:
        model: a run, a model file of any format, a file of trained weights, or a Keras model of this package.
        data: the data set, with the classes of the model.
        wrong: whether to show the worst mistakes: the images whose wrong class got the highest probability.
        best: whether to show the surest right answers, those of as many classes as possible.

    Raises:
        OptionError: both `wrong` and `best` are set.
        InputError: the data set has other classes or cannot be read, or nothing is wrong, or nothing is right.
    """
    if wrong and best:
        raise OptionError("`wrong` and `best` exclude each other; omit one of them.")
    dataset, predictor = open_dataset(data), predictor_of(model)
    check_classes(predictor, dataset)
    split = dataset.validation if wrong or best else sample(dataset.validation, IMAGES)
    answers = evaluate(predictor, split).answers
    assert answers is not None
    chosen = worst(answers) if wrong else surest(answers) if best else np.arange(len(split))
    if not len(chosen):
        found = f"All {len(split):,} validation images are" if wrong else f"None of the {len(split):,} images is"
        raise InputError(f"{found} classified correctly; omit `{'wrong' if wrong else 'best'}`.")
    candidates, chosen = chosen, chosen[:IMAGES]
    title = f"{style.in_words(len(chosen), 'images')} of {dataset.name} and their most probable classes"
    if wrong:
        title = f"{len(chosen)} of {style.in_words(len(candidates), 'mistakes')}, the worst first"
    elif best:
        title = (
            f"{len(chosen)} of {style.in_words(len(candidates), 'right answers')}, the surest ones of each class first"
        )
    caption = f"Below each image: its class, and the {LISTED} most probable classes with their probabilities as bars. "
    caption += "Blue: the true class. A rank follows its name if it is not among them. "
    figure = style.new(title, f"{caption}{style.in_words(len(split), 'validation images')}.")
    columns = (len(chosen) + 1) // 2
    grid = figure.subplots(4, columns, height_ratios=(3, 1.35) * 2, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (index, image) in enumerate(
        zip(chosen, one_pass.crops(split, chosen, predictor.input_size), strict=True)
    ):
        row, column = divmod(number, columns)
        style.show(grid[2 * row, column], image)
        _bars(grid[2 * row + 1, column], answers, index)
    return figure


def worst(answers: Answers) -> np.ndarray:
    """Return the indices of the images that are taken for another class, the most probable mistakes first."""
    wrong = np.flatnonzero(answers.ranks)
    return wrong[np.argsort(-answers.probabilities[wrong, 0], kind="stable")]


def surest(answers: Answers) -> np.ndarray:
    """Return the indices of the right answers: the most probable one of each class first, then the second ones."""
    right = np.flatnonzero(answers.ranks == 0)
    right = right[np.lexsort((-answers.probabilities[right, 0], answers.labels[right]))]
    _, first, counts = np.unique(answers.labels[right], return_index=True, return_counts=True)
    rank = np.arange(len(right)) - np.repeat(first, counts)  # in the class
    return right[np.lexsort((-answers.probabilities[right, 0], rank))]


def _bars(axes: Any, answers: Answers, index: int) -> None:
    """Draw the most probable classes of an image as bars under the name of the true class."""
    label, classes, probabilities = answers.labels[index], answers.classes[index], answers.probabilities[index]
    names, rank = distinct_labels(answers.class_names), answers.ranks[index] + 1
    axes.set_axis_on()
    title = names[label] if label in classes else f"{names[label]} (rank {rank:,})"
    axes.set_title(title, fontsize=style.LABEL, weight="bold", color=style.INK, pad=4)
    colors = [style.SKY if each == label else style.PALE for each in classes]
    axes.barh(range(len(classes)), probabilities, color=colors, height=0.9)
    for row, each in enumerate(classes):
        axes.text(0.024, row, names[each], fontsize=11, va="center", color=style.INK)
        axes.text(1.2, row, f"{probabilities[row]:.0%}", fontsize=11, va="center", ha="right", color=style.INK)
    axes.set(xlim=(0, 1.2), ylim=(LISTED - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


@dataclass(frozen=True)
class Confusions:
    """Which classes are taken for which.

    Attributes:
        names: the classes that are shown, those with the most errors if there are too many.
        percents: `(classes, classes)`, a row for each true class: percent of its images by predicted class.
    """

    names: Sequence[str]
    percents: np.ndarray
    caption: str


def confusions(answers: Answers) -> Confusions:
    """Choose the classes of a confusion matrix that can be read."""
    classes, labels, predicted = len(answers.class_names), answers.labels, answers.classes[:, 0]
    total = style.in_words(len(labels), "images")
    caption = f"Each row is a true class, and its numbers are percent of that class. {total}."
    shown = np.arange(classes)
    if classes > MOST_CLASSES:
        errors = np.bincount(labels[labels != predicted], minlength=classes)
        shown = np.sort(np.argsort(-errors, kind="stable")[:MOST_CLASSES])
        caption += f" Shown are the {MOST_CLASSES} of {classes:,} classes with the most errors."
    # Of the shown classes alone: a matrix of 20,000 classes would have 3.2 GB.
    pairs = np.isin(labels, shown) & np.isin(predicted, shown)
    rows, columns = (np.searchsorted(shown, each[pairs]) for each in (labels, predicted))
    counts = confusion_matrix(rows, columns, len(shown))
    images = np.bincount(labels, minlength=classes)[shown]
    names = distinct_labels(answers.class_names)
    return Confusions([names[index] for index in shown], 100 * counts / np.maximum(images, 1)[:, None], caption)


def check_several(dataset: DataSet) -> None:
    if len(dataset.class_names) < 2:
        raise InputError("The data set has a single class, which cannot be taken for another; use more classes.")


def confusion(model: Any, data: Source) -> Figure:
    """Draw which classes of the validation images are taken for which.

    Args:
        model: a run, a model file of any format, a file of trained weights, or a Keras model of this package.
        data: the data set, with the classes of the model.

    Raises:
        InputError: the data set has other classes or cannot be read, or there is a single class.
    """
    dataset, predictor = open_dataset(data), predictor_of(model)
    check_classes(predictor, dataset)
    check_several(dataset)
    evaluation = evaluate(predictor, dataset.validation)
    assert evaluation.answers is not None
    shown = confusions(evaluation.answers)
    labels, count = shown.names, len(shown.names)
    figure = style.new(f"{dataset.name}: {evaluation.top1_error:.1%} of the images are taken for another class",
                       shown.caption, height=9 if count > 12 else style.HEIGHT)  # fmt: skip
    axes = figure.subplots()
    axes.imshow(shown.percents, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    room = int(CHARACTERS / count)  # of a label under its column, in characters
    wrapped = [textwrap.fill(label, max(room, 1), break_long_words=False) for label in labels]
    upright = max(len(line) for label in wrapped for line in label.splitlines()) > room
    axes.set_xticks(range(count), labels if upright else wrapped, rotation=90 if upright else 0, fontsize=style.SMALL)
    axes.set_yticks(range(count), labels, fontsize=style.SMALL)
    axes.set_xlabel("predicted class", fontsize=style.LABEL, color=style.INK)
    axes.set_ylabel("true class", fontsize=style.LABEL, color=style.INK)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for row, column in zip(*np.nonzero(shown.percents >= 0.5), strict=True):
        value = shown.percents[row, column]
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=style.SMALL,
                  color="white" if value > 50 else style.INK)  # fmt: skip
    return figure
