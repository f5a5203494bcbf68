"""Figures of results show the errors of runs, and the answers and confusions of a classifier."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from support import CLASS_NAMES
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import results
from alexnet_keras.inference.evaluation import Answers
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError, OptionError


def history(*errors):
    return [
        {"epoch": epoch, "top1_error": error, "validation_top1_error": error / 2, "seconds": 90 * epoch}
        for epoch, error in enumerate(errors, 1)
    ]


def test_curves():
    figure = figures.curves({"one": history(0.8, 0.7), "other": history(0.6, 0.5, 0.4)})
    assert_well_set(figure)
    (axes,) = figure.axes
    assert axes.get_yscale() == "linear"
    assert [list(line.get_ydata()) for line in axes.lines] == [
        [0.4, 0.35],
        [0.8, 0.7],
        [0.3, 0.25, 0.2],
        [0.6, 0.5, 0.4],
    ]
    assert {"35.0%  one", "20.0%  other"} <= set(words(figure))
    assert len({line.get_color() for line in axes.lines}) == 2


def test_the_curves_of_one_run_have_their_names_and_last_errors():
    for error, other in ((0.2, 0.1), (0.1, 0.11), (0.2, 0.2)):
        rows = history(0.8, error)
        rows[-1]["validation_top1_error"] = other
        figure = figures.curves({"one": rows})
        assert_well_set(figure)
        assert {f"training {error:.1%}", f"validation {other:.1%}"} <= set(words(figure))
        grounds = [text.get_bbox_patch() for text in figure.axes[0].texts]
        assert [ground.get_facecolor() for ground in grounds] == [to_rgba("white")] * 2  # no line of the grid shows


def test_every_run_is_in_the_legend_with_lines_of_its_own():
    names = ["_old", "US$_$", *(f"run {number}" for number in range(8))]
    figure = figures.curves({name: history(0.8, 0.5, 0.7) for name in names})
    assert_well_set(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"25.0%  {name}" for name in names]
    lines = figure.axes[0].lines[::2]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == len(names)


def test_runs_of_one_figure_have_markers_or_none_has():
    short, long = history(0.8, 0.7), history(*np.linspace(0.8, 0.5, 30))
    for runs, expected in (((short, short), {"o"}), ((short, long), {"None"})):
        figure = figures.curves(dict(enumerate(runs)))
        assert {line.get_marker() for line in figure.axes[0].lines} == expected


def test_curves_of_one_epoch_have_one_tick():
    figure = figures.curves({"one": history(0.8)})
    assert_well_set(figure)
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [1]


def test_curves_by_minutes():
    figure = figures.curves({"one": history(0.8, 0.7), "other": history(0.6, 0.5, 0.4)}, by="minutes")
    assert_well_set(figure)
    (axes,) = figure.axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[1.5, 4.5]] * 2 + [[1.5, 4.5, 9.0]] * 2
    assert (axes.get_xlabel(), "Top-1 error against training time" in words(figure)) == ("minutes", True)
    with pytest.raises(OptionError, match="`by` must be one of epoch, minutes, got 'hours'."):
        figures.curves({"one": history(0.8)}, by="hours")


def test_curves_are_logarithmic_where_errors_differ_much():
    figure = figures.curves({"one": history(0.9, 0.1)})
    assert figure.axes[0].get_yscale() == "log"
    assert_well_set(figure)
    assert figures.curves({"perfect": history(0.9, 0.0)}).axes[0].get_yscale() == "linear"


def test_the_caption_of_curves_says_which_runs_had_dropout_and_augmentation(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    config["architecture"]["dropout"] = 0.0
    (copy / "config.json").write_text(json.dumps(config))
    plain = Path(shutil.copytree(copy, tmp_path / "plain"))
    (plain / "config.json").write_text(json.dumps({**config, "augment": False}))

    def caption(runs):
        return next(text for text in words(figures.curves(runs)) if "Dashed" in text).replace("\n", " ")

    assert "on the training images, with augmentation and with dropout." in caption(str(run))
    assert "on the training images, with augmentation." in caption(copy)
    assert "on the training images." in caption(plain)
    assert "on the training images." in caption({"one": history(0.8, 0.7)})
    assert f"on the training images, with augmentation and with dropout in {run.name}." in caption([run, copy])
    assert "on the training images, with augmentation in copy." in caption([copy, plain])


def test_curves_of_a_run_without_an_epoch():
    with pytest.raises(InputError, match="The run new has no finished epoch; train it further before drawing"):
        figures.curves({"new": []})


def test_predictions(predictor, folder, crops):
    figure = figures.predictions(predictor, str(folder))
    bars = [axes for axes in figure.axes if axes.patches]
    assert len(bars) == results.IMAGES
    probabilities = predictor.predict(crops)
    first, last = bars[0], bars[-1]
    for axes, index in ((first, 0), (last, len(crops) - 1)):
        order = np.argsort(-probabilities[index], kind="stable")
        np.testing.assert_allclose([bar.get_width() for bar in axes.patches], probabilities[index][order], rtol=1e-5)
        true = CLASS_NAMES.index(axes.get_title())
        colors = [bar.get_facecolor() for bar in axes.patches]
        assert colors.count(colors[list(order).index(true)]) == 1
    assert first.get_title() == "blue"
    assert last.get_title() == "red"
    np.testing.assert_array_equal(images(figure)[0], crops[0])
    assert_well_set(figure)


def test_bars_end_before_the_percentages(folder):
    figure = figures.predictions(as_predictor(np.tile([0.97, 0.02, 0.01], (9, 1))), str(folder))
    figure.draw_without_rendering()
    for axes in [axes for axes in figure.axes if axes.patches]:
        percentages = [text for text in axes.texts if text.get_text().endswith("%")]
        bars = [bar.get_window_extent() for bar in axes.patches]
        assert max(bar.x1 for bar in bars) < min(text.get_window_extent().x0 for text in percentages)


def as_predictor(probabilities):
    """A predictor that gives these probabilities to the images in their order."""
    rows = iter(probabilities)
    return Predictor(lambda batch: np.array([next(rows) for _ in batch]), 67, CLASS_NAMES)


def test_the_worst_mistakes_come_first(folder):
    probabilities = np.tile([0.9, 0.1, 0.0], (9, 1))  # the last six images are of other classes
    probabilities[4] = [0.97, 0.02, 0.01]
    probabilities[7] = [0.0, 1.0, 0.0]
    figure = figures.predictions(as_predictor(probabilities), str(folder), wrong=True)
    assert "6 of 6 mistakes, the worst first" in words(figure)
    bars = [axes for axes in figure.axes if axes.patches]
    assert [axes.get_title() for axes in bars[:3]] == ["red", "green", "green"]
    assert bars[1].patches[0].get_width() == pytest.approx(0.97)


def test_the_surest_right_answers_are_of_several_classes(folder):
    probabilities = np.tile([0.6, 0.4, 0.0], (9, 1))
    probabilities[5] = [0.1, 0.9, 0.0]
    figure = figures.predictions(as_predictor(probabilities), str(folder), best=True)
    assert "4 of 4 right answers, the surest ones of each class first" in words(figure)
    assert [axes.get_title() for axes in figure.axes if axes.patches] == ["green", "blue", "blue", "blue"]


def test_a_true_class_that_is_not_shown_has_its_rank(monkeypatch):
    names = tuple(f"class {number}" for number in range(7))
    shown = Answers(["a"], names, np.array([6]), np.array([6]), np.arange(5)[None], np.array([[0.5, 0.2, 0.1, 0.1, 0]]))
    axes = Figure().subplots()
    results._bars(axes, shown, 0)
    assert axes.get_title() == "class 6 (rank 7)"
    assert [text.get_text() for text in axes.texts[:4]] == ["class 0", "50%", "class 1", "20%"]


def test_no_right_answers(folder):
    with pytest.raises(InputError, match="None of the 9 images is classified correctly; omit `best`."):
        figures.predictions(as_predictor(np.eye(3)[[1] * 3 + [0] * 6]), str(folder), best=True)


def test_the_best_and_the_wrong_exclude_each_other(predictor, folder):
    with pytest.raises(OptionError, match="`wrong` and `best` exclude each other; omit one of them."):
        figures.predictions(predictor, str(folder), wrong=True, best=True)


def test_no_mistakes(folder):
    with pytest.raises(InputError, match="All 9 validation images are classified correctly; omit `wrong`."):
        figures.predictions(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 1, 2, 2, 2]]), str(folder), wrong=True)


def test_confusion(folder):
    figure = figures.confusion(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 2, 0, 2, 2]]), str(folder))
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array(), [[100, 0, 0], [0, 200 / 3, 100 / 3], [100 / 3, 0, 200 / 3]]
    )
    found = words(figure)
    assert "colours: 22.2% of the images are taken for another class" in found
    assert [found.count(number) for number in ("100", "67", "33", "0")] == [1, 2, 2, 0]
    assert_well_set(figure)


def test_confusion_of_many_classes_shows_those_with_most_errors(folder, monkeypatch):
    monkeypatch.setattr(results, "MOST_CLASSES", 2)
    figure = figures.confusion(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 2, 0, 2, 2]]), str(folder))
    assert figure.axes[0].images[0].get_array().shape == (2, 2)
    assert {"green", "red"} <= set(words(figure))
    assert "blue" not in words(figure)


@pytest.mark.parametrize(
    ("names", "shown", "rotation"),
    [
        (["blue sky", "green", "red"], ["blue sky", "green", "red"], 0),
        (
            ["cassette player " * 3, "green", "red"],
            ["cassette player cassette player\ncassette player", "green", "red"],
            0,
        ),
        (["x" * 40, "green", "red"], ["x" * 40, "green", "red"], 90),
    ],
)
def test_the_names_under_a_confusion_matrix_never_overlap(names, shown, rotation, folder, monkeypatch):
    monkeypatch.setattr(results, "distinct_labels", lambda _: tuple(name.strip() for name in names))
    figure = figures.confusion(as_predictor(np.eye(3)[[0, 0, 0, 1, 1, 2, 0, 2, 2]]), str(folder))
    labels = figure.axes[0].get_xticklabels()
    assert [(label.get_text(), label.get_rotation()) for label in labels] == [(name, rotation) for name in shown]
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in labels]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def test_confusions_of_many_classes_are_counted_for_those_that_are_shown():
    names = tuple(f"class {number}" for number in range(30_000))  # a whole matrix would have 7 GB
    labels, predicted = np.array([7, 7, 29_999, 5]), np.array([7, 29_999, 7, 5])
    classes = predicted[:, None]
    found = results.confusions(Answers(list("abcd"), names, labels, (labels != predicted) * 1, classes, classes * 0.0))
    places = [found.names.index(name) for name in ("class 7", "class 29999")]
    np.testing.assert_array_equal(found.percents[np.ix_(places, places)], [[50, 50], [100, 0]])


def test_other_classes(predictor, twins, tmp_path):
    root = Path(shutil.copytree(twins, tmp_path / "renamed"))
    for part in ("train", "val"):
        (root / part / "red").rename(root / part / "crimson")
    for draw in (figures.predictions, figures.confusion):
        with pytest.raises(InputError, match="use data with the classes that the model was trained on"):
            draw(predictor, str(root))


def answers(predicted):
    """Three images of three classes, and the classes that they are taken for."""
    labels, classes = np.arange(3), np.array(predicted)[:, None]
    ranks = (labels != predicted).astype(int)
    return Answers(["a", "b", "c"], CLASS_NAMES, labels, ranks, classes, np.array([[0.5], [0.9], [0.7]]))


def test_the_surest_and_the_worst_answers():
    found = answers([0, 1, 1])
    assert results.surest(found).tolist() == [1, 0]
    assert results.worst(found).tolist() == [2]
    twice = Answers(["a"] * 4, CLASS_NAMES, np.array([0, 0, 0, 1]), np.zeros(4, int), np.zeros((4, 1), int),
                    np.array([[0.8], [0.9], [0.7], [0.1]]))  # fmt: skip
    assert results.surest(twice).tolist() == [1, 3, 0, 2]  # first one of each class
