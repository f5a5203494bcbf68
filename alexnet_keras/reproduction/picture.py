"""The picture of an experiment: training errors by epoch, or the error of each row."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from alexnet_keras.figures import style
from alexnet_keras.reproduction.experiment import Reproduction
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import VAL_ERROR
from alexnet_keras.training import run_folder

LINES = ("solid", "dashed", "dotted")  # of the rows, as in Figure 1


def write(result: Reproduction, path: Path) -> None:
    """Draw the picture of an experiment and write it as PNG or SVG, also over an earlier one."""
    atomic_files.write_output(path, style.encode(draw(result), path.suffix))


def draw(result: Reproduction) -> Figure:
    """Draw training errors by epoch if epochs are counted, and otherwise the errors of each row."""
    return _errors(result) if result.target is None else _curves(result, result.target)


def _curves(result: Reproduction, target: float) -> Figure:
    name = Path(result.data).name
    several = any(len(row.runs) > 1 for row in result.rows)
    seeds = "Thin lines: the training error of each seed. " if several else ""
    caption = f"{name}. {seeds}Published ratio: {result.published_ratio:g}."
    figure = style.new(result.title, f"{caption} Ours: {result.ratio_in_words}.")
    axes = figure.subplots()
    style.plain(axes)
    for index, row in enumerate(result.rows):
        histories = [run_folder.read_history(Path(run)) for run in row.runs]
        curves = [[each["top1_error"] for each in history] for history in histories]
        color, line = style.color(index), LINES[index % len(LINES)]
        for curve in curves if several else ():
            axes.plot(range(1, len(curve) + 1), curve, color=color, linestyle=line, linewidth=0.8, alpha=0.6)
        mean = np.mean([curve[: min(map(len, curves))] for curve in curves], axis=0)
        label = f"{row.name}, learning rate {row.learning_rate:g}"
        axes.plot(range(1, len(mean) + 1), mean, color=color, linestyle=line, linewidth=3, label=label)
        if row.mean is not None:
            axes.plot(row.mean, target, "o", color=color, markersize=9)
            axes.annotate(f"{row.mean:.1f} epochs", (row.mean, target), (0, -24), textcoords="offset points",
                          ha="center", fontsize=style.LABEL, color=color, weight="bold")  # fmt: skip
    axes.axhline(target, color=style.GRAY, linewidth=1, linestyle=(0, (2, 4)))
    axes.set_ylim(0, None)
    axes.set_xlim(0, None)
    axes.set_xlabel("epoch", fontsize=style.LABEL, color=style.INK)
    axes.set_ylabel("training error", fontsize=style.LABEL, color=style.INK)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.legend(fontsize=style.LABEL, frameon=False)
    return figure


def _errors(result: Reproduction) -> Figure:
    first = result.rows[0]
    published = any(row.published_difference is not None for row in result.rows)
    caption = f"{Path(result.data).name}, {VAL_ERROR}. Dots: single seeds. Bars: mean and standard deviation. "
    if any(row.probability is not None for row in result.rows):
        caption += "Grey: the difference from the first row may be chance. "
    if published:
        caption += "Diamonds: the first row's error plus the published difference."
    elif first.published is not None:
        caption += "Diamond: the published error."
    figure = style.new(result.title, caption, height=1.9 + 0.55 * len(result.rows))
    axes = figure.subplots()
    style.plain(axes)
    for index, row in enumerate(result.rows):
        color = style.GRAY if row.by_chance else style.color(0)
        assert row.mean is not None
        axes.errorbar(100 * row.mean, index, xerr=100 * (row.deviation or 0), fmt="|", color=color, markersize=22,
                      markeredgewidth=3, linewidth=2)  # fmt: skip
        values = [100 * value for value in row.values if value is not None]
        axes.plot(values, [index] * len(values), "o", color=color, markersize=6, alpha=0.6)
        theirs: Any = row.published if not published else None
        if published and row.published_difference is not None:
            assert first.mean is not None
            theirs = first.mean + row.published_difference
        if theirs is not None:
            axes.plot(100 * theirs, index, "D", color=style.VERMILION, markerfacecolor="none", markersize=9)
    axes.axvline(100 * (first.mean or 0), color=style.PALE, linewidth=1.5, zorder=0)
    axes.set_yticks(range(len(result.rows)), [row.name for row in result.rows], fontsize=style.LABEL, color=style.INK)
    axes.set_ylim(len(result.rows) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.grid(axis="x", color=style.PALE, linewidth=0.5)
    return figure
