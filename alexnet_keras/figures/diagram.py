"""The figure of a network's architecture (Figure 2 of the paper), drawn from the model itself."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from alexnet_keras.config.layer_names import TOWERS
from alexnet_keras.config.variants import variant_of
from alexnet_keras.figures import style
from alexnet_keras.figures.networks import network_of
from alexnet_keras.figures.stages import Stage, stages

WIDTH = 132  # of the axes, in units of which they are 50 or 60 high
ROWS = {0: 47.0, 1: 23.0, None: 35.0}  # the middle of a box: tower a, tower b, no tower
SLANT = np.array((0.42, 0.26))  # of the edges that lead into the depth
TINTS = {0: "#cfe3f1", 1: "#fadcc4", None: "#e8e8e8"}
CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))  # of a face, whose sides are 1
CROSSING = style.COLORS[2]  # of the lines between towers, which have the other colours
STEP = 2.1  # between two lines of text


def architecture(model: Any) -> Figure:
    """Draw the towers of a network with their shapes and kernels, and where the towers are connected.

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
    """
    model = network_of(model)
    found = stages(model)
    towers = sorted({stage.tower for stage in found if stage.tower is not None})
    caption = "Boxes: feature maps (height x width x channels). Bars: fully connected layers. Not to scale. "
    caption += "White: what one unit of the next layer sees. "
    caption += "Green dashes: from one tower to the other." if towers else "The network has one tower."
    parameters = model.count_params() / 1e6
    variant = variant_of(model.name)
    title = f"AlexNet{f', variant {variant}' if variant else ''}: {parameters:,.1f} million parameters"
    figure = style.new(title, caption, style.HEIGHT if towers else 6.5)
    axes = figure.subplots()
    axes.set(xlim=(0, WIDTH), ylim=(0, 60 if towers else 50), aspect="equal")
    axes.set_axis_off()
    names, side = list(dict.fromkeys(stage.name for stage in found)), model.input_shape[1]
    columns = {name: 2 + (WIDTH - 2) / len(names) * index for index, name in enumerate(names)}
    boxes = {(stage.name, stage.tower): _Box(stage, columns[stage.name], side) for stage in found}
    for stage in found:
        for source in stage.sources:
            crosses = None not in (source[1], stage.tower) and source[1] != stage.tower
            boxes[source].connect(axes, boxes[stage.name, stage.tower], crosses)
    for box in boxes.values():
        box.draw(axes)
    for name, x in columns.items():
        stage = next(stage for stage in found if stage.name == name)
        kernel = [f"{stage.kernel[0]} x {stage.kernel[0]}, stride {stage.kernel[1]}"] if stage.kernel else []
        dense = ["fully connected"] if len(stage.shape) == 1 else []
        axes.text(x, 9.4, name, fontsize=style.LABEL, weight="bold", color=style.INK)
        for line, text in enumerate([*kernel, *dense, *stage.after]):  # matplotlib's own distances differ by letters
            axes.text(x, 7.0 - STEP * line, text, fontsize=11, color=style.INK)
    for tower in towers:
        top = ROWS[tower] + (10.5 if tower == 0 else 8)
        axes.text(columns["conv1"], top, f"tower {TOWERS[tower]}", fontsize=style.LABEL, color=style.COLORS[tower],
                  weight="bold")  # fmt: skip
    return figure


def at(x: float, y: float) -> np.ndarray:
    return np.array((x, y))


class _Box:
    """A box of feature maps, or a bar of units, at its place in the diagram."""

    def __init__(self, stage: Stage, x: float, side: int) -> None:
        self.stage = stage
        self.flat = len(stage.shape) == 1
        if self.flat:
            self.height, self.width = 4 + 0.2 * math.sqrt(stage.shape[0]), 1.6
            self.depth = np.zeros(2)
        else:
            self.height, self.width = 21 * (stage.shape[0] / side) ** 0.45, 0.42 * math.sqrt(stage.shape[-1])
            self.depth = SLANT * self.height
        self.corner = np.array((x, ROWS[stage.tower] - self.height / 2 - self.depth[1] / 2))

    @property
    def text(self) -> str:
        return " x ".join(f"{size:,}" for size in self.stage.shape)

    def face(self, across: float, up: float) -> np.ndarray:
        """Return a point of the right face, whose sides are 1."""
        return self.corner + at(self.width, up * self.height) + across * self.depth

    def draw(self, axes: Any) -> None:
        fill, (w, h), d = TINTS[self.stage.tower], (self.width, self.height), self.depth
        sides = [[self.corner + corner for corner in (at(0, 0), at(w, 0), at(w, h), at(0, h))]]
        if not self.flat:
            sides += [[self.corner + corner for corner in (at(0, h), at(w, h), at(w, h) + d, at(0, h) + d)]]
            sides += [[self.face(*point) for point in CORNERS]]
        for corners in sides:
            axes.add_patch(Polygon(corners, facecolor=fill, edgecolor=style.GRAY, linewidth=1, zorder=2))
        # The lines between towers run below tower a and above tower b, so the text is on the other side.
        above = self.stage.tower == 0
        place = self.corner + (at((w + d[0]) / 2, h + d[1] + 0.6) if above else at(w / 2, -0.7))
        side = "left" if self.flat and self.stage.tower is None else "center"  # lines come to fc8 from below
        axes.text(*place, self.text, fontsize=11, color=style.INK, va="bottom" if above else "top", ha=side)

    def connect(self, axes: Any, target: "_Box", crosses: bool) -> None:
        """Draw the window of the target's kernel on this box and its way to the target."""
        line = {
            "color": CROSSING if crosses else style.GRAY,
            "linestyle": (0, (4, 2)) if crosses else "solid",
            "linewidth": 1.3 if crosses else 0.9,
            "zorder": 3,
        }
        middle = target.corner + at(0, target.height / 2)
        if target.flat:
            for up in (0.95, 0.05):
                axes.plot(*zip(self.face(0.5, up), target.corner + at(0, up * target.height), strict=True), **line)
            return
        assert target.stage.window is not None
        size = target.stage.window / self.stage.shape[0]
        start = min((0.62 if crosses else 0.3) - size / 2, 1 - size)
        window = [self.face(max(start, 0) + i * size, max(start, 0) + j * size) for i, j in CORNERS]
        axes.add_patch(Polygon(window, facecolor="white", edgecolor=line["color"], linewidth=1, zorder=3))
        for corner in window[1:3]:
            axes.plot(*zip(corner, middle, strict=True), **line)
