"""The picture of an experiment shows every seed, the means, and which differences may be chance."""

import dataclasses

import numpy as np
import pytest
from support.drawings import assert_well_set, words

from alexnet_keras.figures import style
from alexnet_keras.reproduction import picture
from alexnet_keras.reproduction.experiment import Reproduction, RowResult
from alexnet_keras.training.run_folder import COLUMNS, write_history


def row(name, values, **changes):
    mean = None if None in values else float(np.mean(values))
    given = {"learning_rate": 0.01, "epochs": 3, "seeds": tuple(range(len(values))), "runs": (), "deviation": None}
    return RowResult(name=name, values=values, mean=mean, **{**given, **changes})


def result(*rows, **changes):
    texts = {"experiment": "e", "title": "A title", "protocol": "", "published": "", "data": "data/colours"}
    given = {"target": None, "ratio": None, "ratio_is_bound": False, "published_ratio": None}
    return Reproduction(**texts, rows=rows, picture="", test="", provenance={}, **{**given, **changes})


@pytest.fixture
def runs(tmp_path):
    """The folders of runs with these training errors of their epochs."""

    def write(*errors):
        found = []
        for curve in errors:
            run = tmp_path / str(len(list(tmp_path.iterdir())))
            run.mkdir()
            write_history(run, [{**dict.fromkeys(COLUMNS, "1"), "top1_error": f"{error:.6f}"} for error in curve])
            found.append(str(run))
        return tuple(found)

    return write


def test_training_errors_are_a_line_of_each_seed_and_a_dot_at_the_mean(runs):
    fast = row("ReLU", (1.5, 2.5), runs=runs([0.6, 0.4], [0.8, 0.6, 0.2]))
    slow = row("tanh", (None, None), runs=runs([0.9, 0.8, 0.7], [0.9, 0.8, 0.7]))
    figure = picture.draw(result(fast, slow, target=0.5, ratio=1.5, ratio_is_bound=True, published_ratio=6.0))
    assert_well_set(figure)
    (axes,) = figure.axes
    thin = [line for line in axes.lines if line.get_linewidth() == 1.2]
    curves = [[0.6, 0.4], [0.8, 0.6, 0.2], [0.9, 0.8, 0.7], [0.9, 0.8, 0.7]]
    assert [list(line.get_ydata()) for line in thin] == curves
    assert list(thin[0].get_xdata()) == [1, 2]
    assert thin[0].get_linestyle() != thin[2].get_linestyle()
    assert all(len(line.get_xdata()) == 0 for line in axes.lines if line.get_linewidth() == 3)  # of the legend
    (point,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (2.0, 0.5)  # tanh does not reach the target
    found = " ".join(words(figure)).replace("\n", " ")
    assert "2.0 epochs" in found
    assert "colours, 2 seeds, at most 3 epochs. Lines: the training error of each seed. Dots: the mean" in found
    assert "Published ratio: 6. Ours: tanh takes more than 1.5 times the epochs of ReLU." in found
    assert 0.1 < axes.get_ylim()[0] < 0.2  # as far below 0.2 as the words need


def test_a_single_seed_is_one_line_and_one_that_diverged_is_named(runs, tmp_path):
    rows = [row(name, (1.0,), runs=runs([0.5, 0.4])) for name in ("ReLU", "tanh")]
    rows[1] = dataclasses.replace(rows[1], values=(None,), mean=None, diverged=(0,), runs=(str(tmp_path / "none"),))
    figure = picture.draw(result(*rows, target=0.5, published_ratio=6.0))
    assert_well_set(figure)
    found = " ".join(words(figure)).replace("\n", " ")
    assert "colours, 1 seed, at most 3 epochs. Published ratio: 6." in found
    assert "tanh, learning rate 0.01, diverged" in found
    (line,) = [line for line in figure.axes[0].lines if line.get_linewidth() == 3 and len(line.get_xdata())]
    assert list(line.get_ydata()) == [0.5, 0.4]


def lines_of(figure, marker):
    return [line for line in figure.axes[0].lines if line.get_marker() == marker]


def test_what_may_be_chance_is_grey_what_was_not_tested_is_hollow_and_published_differences_are_diamonds():
    base = row("the network", (0.2, 0.3), deviation=0.07, published=0.4)
    near = row("without A", (0.25, 0.31), deviation=0.04, probability=0.6, difference=0.03, published_difference=0.02)
    far = row("without B", (0.5, 0.5), deviation=0.0, probability=0.01, difference=0.25)
    other = row("larger images", (0.4,), difference=0.15)
    broken = row("unstable", (0.3, None), diverged=(1,))
    figure = picture.draw(result(base, near, far, other, broken))
    assert_well_set(figure)
    dots = lines_of(figure, "o")
    for dot, values in zip(dots, ([20, 30], [25, 31], [50, 50], [40], [30]), strict=True):
        np.testing.assert_allclose(dot.get_xdata(), values)
    blue, hollow = style.color(0), "none"
    assert [dot.get_markerfacecolor() for dot in dots] == [hollow, style.GRAY, blue, hollow, hollow]
    assert [dot.get_color() for dot in dots] == [style.INK, style.GRAY, blue, style.INK, style.INK]
    (diamond,) = lines_of(figure, "D")
    np.testing.assert_allclose(np.ravel(diamond.get_data()), [25 + 2, 1])
    names = ["the network", "without A", "without B", "larger images", "unstable"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names
    found = " ".join(words(figure)).replace("\n", " ")
    assert "diverged (1 of 2 seeds)" in found
    assert figure.axes[0].get_xlabel() == "top-1 val error"
    assert (
        "colours, 1 to 2 seeds, 3 epochs. Circles: single seeds. Bars: mean and standard deviation. "
        "Grey: the difference from the first row may be chance. Hollow: the difference was not tested for chance. "
        "Diamonds: our first row plus the difference published for ImageNet."
    ) in found


def test_a_row_far_from_the_others_is_a_number_at_the_edge():
    errors = {"the network": 0.30, "without A": 0.31, "without B": 0.32, "a very long name of a network": 0.29}
    rows = [row(name, (error,), difference=error - 0.3) for name, error in errors.items()]
    figure = picture.draw(result(*rows, row("outlier", (0.46,), difference=0.16)))
    assert_well_set(figure)
    assert "46.0%" in words(figure)
    assert figure.axes[0].get_xlim()[1] < 33
    assert len(lines_of(figure, "o")) == 4
    assert not lines_of(figure, "|")
    assert not any("Bars" in text for text in words(figure))


def test_the_published_error_of_a_single_row_is_a_diamond():
    figure = picture.draw(result(row("the network", (0.2,), published=0.18)))
    (diamond,) = lines_of(figure, "D")
    np.testing.assert_allclose(np.ravel(diamond.get_data()), [18, 0])
    found = " ".join(words(figure)).replace("\n", " ")
    assert "Diamond: the published error." in found
    assert "chance" not in found


def test_a_picture_is_also_written_over_an_earlier_one(tmp_path):
    drawn = result(row("the network", (0.2,)))
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        path = tmp_path / f"picture{suffix}"
        path.write_bytes(b"old")
        picture.write(drawn, path)
        assert path.read_bytes().startswith(start)
