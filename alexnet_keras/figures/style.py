"""The style that all figures share: the size of a slide, fonts, colours, and saving."""

import functools
import io
import re
import textwrap
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from alexnet_keras.config.ranges import FigureWidth, check_value
from alexnet_keras.figures import PIXELS, SUFFIXES
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.terminal_text import brief

WIDTH, HEIGHT = 13.33, 7.5  # inches, a slide of 16:9
PAD = 0.1  # inches between the edge of a figure and what it shows
PREVIEW = 1000  # pixels across a figure in a notebook
INK, GRAY, PALE = "#222222", "#666666", "#dddddd"
# Okabe and Ito's palette, which colour-blind people can tell apart, without yellow, which is pale on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
VERMILION, SKY = "#D55E00", "#56B4E9"
TITLE, LABEL, SMALL = 20, 14, 12  # points
_LINE, _TITLE_LINE = 150, 75  # characters of a caption at the size SMALL, and of a title
FONT = "DejaVu Sans"  # of matplotlib; it has Latin, Greek, Cyrillic and Arabic letters
# The beginnings of the names of fonts with the letters of other scripts: of Linux, Windows and macOS.
OTHER_FONTS = (
    *("Noto Sans", "Source Han Sans", "WenQuanYi", "Microsoft YaHei", "Malgun Gothic", "Yu Gothic", "Nirmala UI"),
    *("PingFang", "Hiragino Sans", "Apple SD Gothic", "Arial Unicode MS"),
)


class Slide(Figure):
    """A figure that a notebook shows, although it was made without pyplot and its global state."""

    def draw(self, renderer: Any) -> None:
        with mpl.rc_context({"text.parse_math": False}):  # of tick labels, which are made while they are drawn
            for text in self.findobj(Text):
                text.set_parse_math(False)  # a dollar sign in a name is no formula
                if not text.get_text().isascii():
                    text.set_fontfamily(_fonts())
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                super().draw(renderer)
        letters = set()
        for each in caught:
            if missing := re.match(r"Glyph (\d+) ", str(each.message)):
                letters.add(chr(int(missing[1])))
            else:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        if letters:
            _report_letters("".join(sorted(letters)))

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=PREVIEW / self.get_figwidth())
        return content.getvalue()


@functools.cache
def _fonts() -> list[str]:
    """The font of figures, and those that are installed for letters that it lacks."""
    return [FONT, *sorted({font.name for font in fontManager.ttflist if font.name.startswith(OTHER_FONTS)})]


@functools.cache  # a figure is drawn several times
def _report_letters(letters: str) -> None:
    print_message(
        f"Warning: no font has {brief(letters)}, so figures show boxes instead; install a font such as Noto Sans CJK."
    )


def new(title: str, caption: str = "", height: float = HEIGHT) -> Figure:
    """Make an empty figure as wide as a slide, with a title above its content and a caption below it."""
    figure = Slide(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD), facecolor="white")
    left: dict[str, Any] = {"x": PAD / WIDTH, "ha": "left"}
    figure.suptitle(textwrap.fill(title, _TITLE_LINE), fontsize=TITLE, weight="bold", color=INK, **left)
    if caption:
        figure.supxlabel(textwrap.fill(caption, _LINE), fontsize=SMALL, color=GRAY, **left)
    return figure


def show(axes: Any, image: np.ndarray, title: str = "", **options: Any) -> Any:
    """Show an image without ticks and frame, with a title above it; `options` are those of `imshow`."""
    shown = axes.imshow(image, **{"interpolation": "nearest", **options})
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=LABEL, color=INK)
    return shown


def frame(axes: Any, color: str) -> None:
    """Draw a frame around the image that `axes` show."""
    axes.patch.set_visible(False)
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=color, linewidth=4)


def plain(axes: Any) -> None:
    """Remove what carries no information from a diagram with axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRAY)
    axes.tick_params(labelsize=SMALL, colors=GRAY)


def color(index: int) -> str:
    """Return the colour of a class or of a run; colours repeat after seven."""
    return COLORS[index % len(COLORS)]


def in_words(count: int, things: str) -> str:
    """Return a number with its noun: `1 image`, `2,000 images`."""
    return f"{count:,} {things.removesuffix('s') if count == 1 else things}"


def save(figure: Figure, output: str | Path, width: int = PIXELS) -> None:
    """Write a figure as PNG or SVG. The same figure gives the same bytes.

    Args:
        figure: the figure.
        output: the file, which must not exist; its suffix chooses the format.
        width: the width of a PNG in pixels, 200 to 10,000.

    Raises:
        OptionError: `output` has another suffix, or `width` is out of its range.
        InputError: `output` exists or cannot be written.
    """
    check_value("`width`", FigureWidth, width)
    output = Path(output)
    atomic_files.check_output(output, SUFFIXES)
    atomic_files.write_output(output, encode(figure, output.suffix, width))


def encode(figure: Figure, suffix: str, width: int = PIXELS) -> bytes:
    """Return a figure as a PNG, or as an SVG whose images have the pixels of such a PNG."""
    fixed: dict[str, Any] = {"svg.hashsalt": "alexnet-keras", "image.composite_image": False}
    metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
    content = io.BytesIO()
    with mpl.rc_context(fixed):
        figure.savefig(content, format=suffix[1:], dpi=width / figure.get_figwidth(), metadata=metadata)
    return content.getvalue()
