"""A figure is saved as the same bytes each time, and a notebook shows it."""

import io

import numpy as np
import pytest
from PIL import Image
from support.drawings import assert_well_set, texts, words

from alexnet_keras import figures
from alexnet_keras.figures import style
from alexnet_keras.system.errors import OptionError


def test_the_same_figure_gives_the_same_bytes(network, tmp_path):
    for suffix in (".svg", ".png"):
        contents = []
        for name in "ab":
            figures.save(figures.filters(network), tmp_path / f"{name}{suffix}")
            contents.append((tmp_path / f"{name}{suffix}").read_bytes())
        assert contents[0] == contents[1]
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_texts_are_no_formulas_and_stay_on_the_page():
    figure = style.new("a" * 30 + " US$_$ " + "b" * 60, "a $b_c$")
    axes = figure.subplots()
    axes.set_xticks([0], ["$\\frac$"])
    style.encode(figure, ".png", 500)
    assert_well_set(figure)
    assert "a" * 30 + " US$_$\n" + "b" * 60 in words(figure)


def test_the_title_the_content_and_the_caption_begin_at_the_same_place():
    figure = style.new("A title", "a caption")
    style.show(figure.subplots(), np.zeros((1, 9, 3)))
    figure.draw_without_rendering()
    title, caption = (text.get_window_extent().x0 for text in texts(figure))
    (axes,) = figure.axes
    assert [title, caption] == pytest.approx([axes.get_window_extent().x0] * 2, abs=2)


def test_letters_of_other_scripts(capsys, monkeypatch):
    style._report_letters.cache_clear()
    style.encode(style.new("猫 犬 über, кошка"), ".png", 500)
    style.encode(style.new("猫"), ".svg")
    warned = " ".join(capsys.readouterr().err.split())
    assert "Warning: no font has '犬猫', so figures show boxes instead; install a font such as Noto Sans" in warned
    style._fonts.cache_clear()
    monkeypatch.setattr(style, "OTHER_FONTS", ("STIXGeneral",))  # of matplotlib; it has a letter that DejaVu lacks
    style.encode(style.new("A letter", "\N{LATIN SMALL LETTER D WITH PALATAL HOOK}"), ".png", 500)
    style._fonts.cache_clear()
    assert capsys.readouterr().err == ""


def test_a_width_out_of_range(network, tmp_path):
    with pytest.raises(OptionError, match="`width` must be 200 to 10,000, got 0."):
        figures.save(figures.filters(network), tmp_path / "a.png", width=0)


def test_a_notebook_shows_a_figure(network):
    with Image.open(io.BytesIO(figures.filters(network)._repr_png_())) as image:
        assert image.format == "PNG"
        assert image.width in (999, 1000)
