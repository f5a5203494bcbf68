"""Figures of results show the errors of runs, and the answers and confusions of a classifier."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
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
    assert {"one", "other", "35.0%", "20.0%"} <= set(words(figure))
    assert len({line.get_color() for line in axes.lines}) == 2


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
    assert (axes.get_xlabel(), "Top-1 error by minutes" in words(figure)) == ("minutes", True)
    with pytest.raises(OptionError, match="`by` must be one of epoch, minutes, got 'hours'."):
        figures.curves({"one": history(0.8)}, by="hours")


def test_curves_are_logarithmic_where_errors_differ_much():
    figure = figures.curves({"one": history(0.9, 0.1)})
    assert figure.axes[0].get_yscale() == "log"
    assert_well_set(figure)
    assert figures.curves({"perfect": history(0.9, 0.0)}).axes[0].get_yscale() == "linear"


def test_the_caption_of_curves_says_which_runs_had_dropout(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    config["architecture"]["dropout"] = 0.0
    (copy / "config.json").write_text(json.dumps(config))

    def caption(runs):
        return next(text for text in words(figures.curves(runs)) if "Dashed" in text).replace("\n", " ")

    assert "the augmented training images, with dropout." in caption(str(run))
    assert "the augmented training images." in caption(copy)
    assert "the augmented training images." in caption({"one": history(0.8, 0.7)})
    assert f"the augmented training images, with dropout in {run.name}." in caption([run, copy])


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


def as_predictor(probabilities):
    """A predictor that gives these probabilities to the images in their order."""
    rows = iter(probabilities)
    return Predictor(lambda batch: np.array([next(rows) for _ in batch]), 67, CLASS_NAMES)


def test_the_worst_mistakes_come_first(folder):
    probabilities = np.tile([0.9, 0.1, 0.0], (9, 1))  # the last six images are of other classes
    probabilities[4] = [0.97, 0.02, 0.01]
    probabilities[7] = [0.0, 1.0, 0.0]
    figure = figures.predictions(as_predictor(probabilities), str(folder), wrong=True)
    assert "The worst of 6 mistakes in 9 validation images" in words(figure)
    bars = [axes for axes in figure.axes if axes.patches]
    assert [axes.get_title() for axes in bars[:3]] == ["red", "green", "green"]
    assert bars[1].patches[0].get_width() == pytest.approx(0.97)


def test_the_surest_right_answers_are_of_several_classes(folder):
    probabilities = np.tile([0.6, 0.4, 0.0], (9, 1))
    probabilities[5] = [0.1, 0.9, 0.0]
    figure = figures.predictions(as_predictor(probabilities), str(folder), best=True)
    assert "The surest of 4 right answers for 9 validation images" in words(figure)
    assert [axes.get_title() for axes in figure.axes if axes.patches] == ["green", "blue", "blue", "blue"]


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
