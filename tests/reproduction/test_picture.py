"""The picture of an experiment shows every seed, the means, and which differences may be chance."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
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


def test_training_errors_are_lines_of_each_seed_and_of_their_mean_as_far_as_all_go(runs):
    fast = row("ReLU", (1.5, 2.5), runs=runs([0.6, 0.4], [0.8, 0.6, 0.2]))
    slow = row("tanh", (None, None), runs=runs([0.9, 0.8, 0.7], [0.9, 0.8, 0.7]))
    figure = picture.draw(result(fast, slow, target=0.5, ratio=1.5, ratio_is_bound=True, published_ratio=6.0))
    assert_well_set(figure)
    (axes,) = figure.axes
    thin = [line.get_ydata() for line in axes.lines if line.get_linewidth() < 1 and line.get_alpha()]
    assert [list(values) for values in thin] == [[0.6, 0.4], [0.8, 0.6, 0.2], [0.9, 0.8, 0.7], [0.9, 0.8, 0.7]]
    first, second = [line for line in axes.lines if line.get_linewidth() == 3]
    np.testing.assert_allclose(first.get_ydata(), [0.7, 0.5])
    assert list(first.get_xdata()) == [1, 2]
    np.testing.assert_allclose(second.get_ydata(), [0.9, 0.8, 0.7])
    assert first.get_linestyle() != second.get_linestyle()
    (point,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (2.0, 0.5)  # tanh does not reach the target
    found = " ".join(words(figure)).replace("\n", " ")
    assert "2.0 epochs" in found
    assert "Published ratio: 6. Ours: tanh takes more than 1.5 times the epochs of ReLU." in found


def test_a_single_seed_is_one_line(runs):
    rows = [row(name, (1.0,), runs=runs([0.5, 0.4])) for name in ("ReLU", "tanh")]
    figure = picture.draw(result(*rows, target=0.5, ratio=1.0, published_ratio=6.0))
    assert not any("Thin lines" in text for text in words(figure))
    assert not [line for line in figure.axes[0].lines if line.get_alpha()]


def lines_of(figure, marker):
    return [line for line in figure.axes[0].lines if line.get_marker() == marker]


def test_errors_that_may_be_chance_are_grey_and_published_differences_are_diamonds():
    base = row("the network", (0.2, 0.3), deviation=0.07, published=0.4)
    near = row("without A", (0.25, 0.31), deviation=0.04, probability=0.6, difference=0.03, published_difference=0.02)
    far = row("without B", (0.5, 0.5), deviation=0.0, probability=0.01, difference=0.25)
    figure = picture.draw(result(base, near, far))
    assert_well_set(figure)
    dots = lines_of(figure, "o")
    np.testing.assert_allclose([dot.get_xdata() for dot in dots], [[20, 30], [25, 31], [50, 50]])
    assert [to_hex(dot.get_color()) for dot in dots] == [
        each.lower() for each in (style.color(0), style.GRAY, style.color(0))
    ]
    (diamond,) = lines_of(figure, "D")
    np.testing.assert_allclose(np.ravel(diamond.get_data()), [25 + 2, 1])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["the network", "without A", "without B"]
    found = " ".join(words(figure)).replace("\n", " ")
    assert "top-1 val error. Dots: single seeds." in found
    assert "Grey: the difference from the first row may be chance." in found
    assert "Diamonds: the first row's error plus the published difference." in found


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
