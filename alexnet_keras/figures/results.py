"""Figures of results: errors by epoch, the most probable classes of images, and confusions between classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.dataset import Split, balanced, take
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import one_pass, style
from alexnet_keras.inference.class_labels import readable
from alexnet_keras.inference.evaluate import check_classes
from alexnet_keras.inference.evaluation import confusion_matrix
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError

IMAGES = 8  # of the figure of predictions
TOP = 5  # classes under each image, as in Figure 4 of the paper
MOST_CLASSES = 25  # of the confusion matrix: more cannot be read on a slide
LOGARITHMIC = 8.0  # ratio of the largest to the smallest error from which the scale is logarithmic


def curves(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Draw the training and validation error of one or several runs by epoch.

    Args:
        runs: name of a run -> its history, as `TrainResult.history` and history.csv have it.

    Raises:
        InputError: a run has no finished epoch.
    """
    for name, history in runs.items():
        if not history:
            raise InputError(f"The run {name} has no finished epoch; train it further before drawing its curves.")
    errors = np.array([row[key] for rows in runs.values() for row in rows for key in ("top1_error",
                       "validation_top1_error")])  # fmt: skip
    logarithmic = errors.min() > 0 and errors.max() / errors.min() > LOGARITHMIC
    caption = "Solid: error on the validation images. Dashed: error on the augmented training images, with dropout."
    figure = style.new("Top-1 error by epoch", caption + (" The scale is logarithmic." if logarithmic else ""))
    axes = figure.subplots()
    style.plain(axes)
    for index, (name, history) in enumerate(runs.items()):
        epochs = [row["epoch"] for row in history]
        marker = "o" if len(history) < 30 else None
        for key, line in (("validation_top1_error", "solid"), ("top1_error", "dashed")):
            axes.plot(epochs, [row[key] for row in history], color=style.color(index), linestyle=line, linewidth=2.5,
                      marker=marker, label=name if line == "solid" else None)  # fmt: skip
        last = history[-1]["validation_top1_error"]
        words = f"{last:.1%}" if len(runs) > 1 else f"validation\n{last:.1%}"
        axes.annotate(words, (epochs[-1], last), (8, 0), textcoords="offset points", va="center",
                      fontsize=style.LABEL, color=style.color(index), weight="bold",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    axes.margins(x=0.11)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.grid(axis="y", color=style.PALE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=style.LABEL, color=style.INK)
    if len(runs) > 1:
        axes.legend(fontsize=style.LABEL, frameon=False)
    return figure


def predictions(predictor: Predictor, source: str | DataSource, wrong: bool = False) -> Figure:
    """Draw validation images with their five most probable classes as bars (Figure 4 of the paper, left).

    Args:
        predictor: a classifier of any format.
        source: the data set, with the classes of the model.
        wrong: whether to show the worst mistakes: the images whose wrong class got the highest probability.

    Raises:
        InputError: the data set has other classes or cannot be read, or nothing is wrong.
    """
    dataset = open_dataset(source)
    check_classes(predictor, dataset)
    split = dataset.validation
    caption = f"Below each image: its class, and the {TOP} most probable classes with their probabilities as bars. "
    caption += "Blue: the true class."
    if wrong:
        probabilities = _probabilities(predictor, split)
        mistaken = np.flatnonzero(probabilities.argmax(axis=1) != split.labels)
        if not len(mistaken):
            raise InputError(f"All {len(split):,} validation images are classified correctly; omit `wrong`.")
        chosen = mistaken[np.argsort(-probabilities[mistaken].max(axis=1), kind="stable")][:IMAGES]
        title = f"The worst of {style.in_words(len(mistaken), 'mistakes')} in {len(split):,} validation images"
    else:
        chosen = balanced(split, IMAGES)
        probabilities = np.zeros((len(split), len(dataset.class_names)), np.float32)
        probabilities[chosen] = _probabilities(predictor, take(split, chosen))
        title = f"{style.in_words(len(chosen), 'images')} of {dataset.name} and their most probable classes"
    figure = style.new(title, caption)
    columns = (len(chosen) + 1) // 2
    grid = figure.subplots(4, columns, height_ratios=(3, 1.35) * 2, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, (index, image) in enumerate(
        zip(chosen, one_pass.crops(split, chosen, predictor.input_size), strict=True)
    ):
        row, column = divmod(place, columns)
        label = int(split.labels[index])
        style.show(grid[2 * row, column], image)
        _bars(grid[2 * row + 1, column], probabilities[index], label, dataset.class_names)
    return figure


def _bars(axes: Any, probabilities: np.ndarray, label: int, names: Sequence[str]) -> None:
    """Draw the most probable classes as bars under the name of the true class."""
    axes.set_axis_on()
    axes.set_title(readable(names[label]), fontsize=style.LABEL, weight="bold", color=style.INK, pad=4)
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    colors = [style.SKY if index == label else style.PALE for index in order]
    axes.barh(range(len(order)), probabilities[order], color=colors, height=0.9)
    for row, index in enumerate(order):
        axes.text(0.02, row, readable(names[index]), fontsize=11, va="center", color=style.INK)
    axes.set(xlim=(0, 1), ylim=(TOP - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def confusion(predictor: Predictor, source: str | DataSource) -> Figure:
    """Draw which classes of the validation images are taken for which.

    Args:
        predictor: a classifier of any format.
        source: the data set, with the classes of the model.

    Raises:
        InputError: the data set has other classes or cannot be read, or there is a single class.
    """
    dataset = open_dataset(source)
    check_classes(predictor, dataset)
    names = [readable(name) for name in dataset.class_names]
    if len(names) < 2:
        raise InputError("The data set has a single class, which cannot be taken for another; use more classes.")
    split = dataset.validation
    counts = confusion_matrix(split.labels, _probabilities(predictor, split).argmax(axis=1), len(names))
    errors = counts.sum(axis=1) - counts.diagonal()
    total = style.in_words(len(split), "images")
    caption = f"Each row is a true class, and its numbers are percent of that class. {total}."
    if len(names) > MOST_CLASSES:
        shown = np.sort(np.argsort(-errors, kind="stable")[:MOST_CLASSES])
        caption += f" The figure has the {MOST_CLASSES} of {len(names):,} classes with the most errors."
    else:
        shown = np.arange(len(names))
    percents = 100 * counts[np.ix_(shown, shown)] / np.maximum(counts.sum(axis=1)[shown, None], 1)
    figure = style.new(f"{dataset.name}: {errors.sum() / len(split):.1%} of the images are taken for another class",
                       caption, height=9 if len(shown) > 12 else style.HEIGHT)  # fmt: skip
    axes = figure.subplots()
    axes.imshow(percents, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    labels = [names[index] for index in shown]
    axes.set_xticks(range(len(shown)), labels, rotation=0 if len(shown) <= 12 else 90, fontsize=style.SMALL)
    axes.set_yticks(range(len(shown)), labels, fontsize=style.SMALL)
    axes.set_xlabel("predicted class", fontsize=style.LABEL, color=style.INK)
    axes.set_ylabel("true class", fontsize=style.LABEL, color=style.INK)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for row, column in zip(*np.nonzero(percents >= 0.5), strict=True):
        value = percents[row, column]
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=style.SMALL,
                  color="white" if value > 50 else style.INK)  # fmt: skip
    return figure


def _probabilities(predictor: Predictor, split: Split) -> np.ndarray:
    """Compute `(N, classes)` probabilities of the centre crops of a split."""
    batches = one_pass.outputs(split, predictor.input_size, predictor.predict, "Classifying the images")
    return np.concatenate([probabilities for _, probabilities in batches])
