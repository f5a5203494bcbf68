"""The picture of an experiment: training errors by epoch, or the error of each row."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from alexnet_keras.figures import style
from alexnet_keras.reproduction.experiment import Reproduction, history
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import VAL_ERROR

LINES = ("solid", "dashed", "dotted")  # of the rows, as in Figure 1


def write(result: Reproduction, path: Path) -> None:
    """Draw the picture of an experiment and write it as PNG or SVG, also over an earlier one."""
    atomic_files.write_output(path, style.encode(draw(result), path.suffix))


def draw(result: Reproduction) -> Figure:
    """Draw training errors by epoch if epochs are counted, and otherwise the errors of each row."""
    return _errors(result) if result.target is None else _curves(result, result.target)


def _curves(result: Reproduction, target: float) -> Figure:
    several = any(len(row.runs) > 1 for row in result.rows)
    caption = f"{_conditions(result, 'at most ')} "
    caption += "Lines: the training error of each seed. Dots: the mean of the seeds. " if several else ""
    caption += f"Published ratio: {result.published_ratio:g}. Ours: {result.ratio_in_words}."
    figure = style.new(result.title, caption)
    axes = figure.subplots()
    style.plain(axes)
    errors = [target]
    for index, row in enumerate(result.rows):
        look: dict[str, Any] = {"color": style.color(index), "linestyle": LINES[index % len(LINES)]}
        words = (row.name, f"learning rate {row.learning_rate:g}", row.divergence)
        axes.plot([], [], linewidth=3, label=", ".join(filter(None, words)), **look)
        for run in row.runs:
            curve = [epoch["top1_error"] for epoch in history(Path(run))]
            errors += curve
            axes.plot(range(1, len(curve) + 1), curve, linewidth=1.2 if several else 3, **look)
        if row.mean is not None:
            axes.plot(row.mean, target, "o", color=look["color"], markersize=9)
            axes.annotate(f"{row.mean:.1f} epochs", (row.mean, target), (0, -24), textcoords="offset points",
                          ha="center", fontsize=style.LABEL, color=look["color"], weight="bold",
                          bbox={"color": "white", "pad": 1})  # fmt: skip
    axes.axhline(target, color=style.GRAY, linewidth=1, linestyle=(0, (2, 4)))
    low, high = min(errors), max(errors)
    axes.set_ylim(max(0.0, low - (high - low) / 8), None)  # with space for the words below the dots
    axes.set_xlim(0, None)
    axes.set_xlabel("epoch", fontsize=style.LABEL, color=style.INK)
    axes.set_ylabel("training error", fontsize=style.LABEL, color=style.INK)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.legend(fontsize=style.LABEL, frameon=False)
    return figure


def _errors(result: Reproduction) -> Figure:
    first = result.rows[0]
    published = any(row.published_difference is not None for row in result.rows)
    chances = {row.by_chance for row in result.rows[1:]}
    caption = f"{_conditions(result)} Circles: single seeds. "
    if any(row.deviation is not None for row in result.rows):
        caption += "Bars: mean and standard deviation. "
    if True in chances:
        caption += "Grey: the difference from the first row may be chance. "
    if None in chances:
        caption += "Hollow: the difference was not tested for chance. "
    if published:
        caption += "Diamonds: our first row plus the difference published for ImageNet."
    elif first.published is not None:
        caption += "Diamond: the published error."
    figure = style.new(result.title, caption, height=2.3 + 0.55 * len(result.rows))
    axes = figure.subplots()
    style.plain(axes)
    low, high = _limits([100 * row.mean for row in result.rows if row.mean is not None])
    drawn: list[float] = []
    for index, row in enumerate(result.rows):
        color = {True: style.GRAY, False: style.color(0), None: style.INK}[row.by_chance]
        mean, deviation = 100 * (row.mean or 0), 100 * (row.deviation or 0)
        values = [100 * value for value in row.values if value is not None]
        if row.divergence:
            axes.annotate(row.divergence, (0.01, index), xycoords=axes.get_yaxis_transform(), va="center",
                          fontsize=style.LABEL, color=style.VERMILION)  # fmt: skip
        if row.mean is not None and not low <= mean <= high:
            _point_outside(axes, index, mean > high, f"{mean:.1f}%" + (f" ± {deviation:.1f}" if deviation else ""))
            continue
        if row.deviation is not None:
            axes.errorbar(mean, index, xerr=deviation, fmt="|", color=color, markersize=22, markeredgewidth=3,
                          linewidth=2)  # fmt: skip
        face = "none" if row.by_chance is None else color
        axes.plot(values, [index] * len(values), "o", color=color, markerfacecolor=face, markersize=8,
                  markeredgewidth=2)  # fmt: skip
        drawn += [*values, *([mean - deviation, mean + deviation] if row.deviation is not None else [])]
        theirs: Any = row.published if not published else None
        if row.published_difference is not None and first.mean is not None:
            theirs = first.mean + row.published_difference
        if theirs is not None:
            axes.plot(100 * theirs, index, "D", color=style.VERMILION, markerfacecolor="none", markersize=9,
                      markeredgewidth=1.5)  # fmt: skip
            drawn.append(100 * theirs)
    if drawn:
        margin = max(max(drawn) - min(drawn), 1) / 15
        axes.set_xlim(min(drawn) - margin, max(drawn) + margin)
    if first.mean is not None:
        axes.axvline(100 * first.mean, color=style.PALE, linewidth=1.5, zorder=0)
    axes.set_yticks(range(len(result.rows)), [row.name for row in result.rows], fontsize=style.LABEL, color=style.INK)
    axes.set_ylim(len(result.rows) - 0.5, -0.5)
    axes.set_xlabel(VAL_ERROR, fontsize=style.LABEL, color=style.INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.grid(axis="x", color=style.PALE, linewidth=0.5)
    return figure


def _conditions(result: Reproduction, most: str = "") -> str:
    """The data set, the number of seeds and the epochs, as the beginning of a caption."""
    seeds = _between((len(row.seeds) for row in result.rows), "seeds")
    epochs = _between((row.epochs for row in result.rows), "epochs")
    return f"{Path(result.data).name}, {seeds}, {most}{epochs}."


def _between(counts: Iterable[int], things: str) -> str:
    low, *_, high = sorted([*counts] * 2)
    return f"{'' if low == high else f'{low:,} to '}{style.in_words(high, things)}"


def _limits(means: list[float]) -> tuple[float, float]:
    """Return between which values means are drawn at their place: those far outside would squeeze all others.

    These are Tukey's outer fences: three times the distance of the quartiles, or of one point, from them.
    """
    low, high = np.percentile(means, (25, 75)) if means else (0.0, 0.0)
    reach = 3 * max(high - low, 1.0)
    return low - reach, high + reach


def _point_outside(axes: Any, index: int, right: bool, text: str) -> None:
    """Write the value of a row at the edge that it lies beyond, with an arrow."""
    axes.annotate(text, (float(right), index), (-40 if right else 40, 0), xycoords=axes.get_yaxis_transform(),
                  textcoords="offset points", ha="right" if right else "left", va="center", fontsize=style.LABEL,
                  color=style.INK, arrowprops={"arrowstyle": "->", "color": style.INK})  # fmt: skip
