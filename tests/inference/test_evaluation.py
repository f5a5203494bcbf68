"""Errors, their intervals, and what is counted for each class."""

import numpy as np
import pytest

from alexnet_keras.inference.evaluation import (
    Answers,
    Evaluation,
    confusion_matrix,
    from_ranks,
    most_probable,
    predictions,
    rank,
    wilson,
)
from alexnet_keras.system.errors import OptionError


def test_rank_counts_the_classes_before_the_true_one():
    probabilities = np.array([[0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.1, 0.7, 0.2]])
    np.testing.assert_array_equal(rank(probabilities, np.array([1, 2, 0])), [0, 1, 2])


def test_rank_of_equal_probabilities_goes_by_index():
    np.testing.assert_array_equal(rank(np.full((3, 3), 1 / 3), np.array([0, 1, 2])), [0, 1, 2])


def test_rank_counts_a_broken_model_as_wrong():
    np.testing.assert_array_equal(rank(np.full((1, 8), np.nan), np.array([3])), [8])


def test_errors_from_ranks():
    result = from_ranks(np.array([0, 0, 0, 1, 4, 5, 9, 0]))
    assert result == Evaluation(top1_error=0.5, top5_error=0.25, num_images=8, crops=1)
    assert result.to_dict() == {
        **{"top1_error": 0.5, "top5_error": 0.25, "num_images": 8, "crops": 1, "interval": "Wilson, 95%"},
        **{"top1_interval": list(wilson(0.5, 8)), "top5_interval": list(wilson(0.25, 8))},
    }
    assert Evaluation.from_dict({**result.to_dict(), "data": "shapes"}) == result


def test_an_evaluation_of_version_0_1_0_can_be_read():
    values = {"top1_error": 0.5, "top5_error": 0.25, "num_images": 8, "views": 10}
    assert Evaluation.from_dict(values) == Evaluation(0.5, 0.25, 8, crops=10)


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [("top1_error", 2.0, "0 to 1"), ("top5_error", float("nan"), "a number"), ("num_images", 0, "1 to ")],
)
def test_impossible_errors_are_refused(name, value, needed):
    values = {"top1_error": 0.5, "top5_error": 0.25, "num_images": 8, name: value}
    with pytest.raises(OptionError, match=f"evaluation.{name} must be {needed}"):
        Evaluation.from_dict(values)


@pytest.mark.parametrize(
    ("errors", "count", "low", "high"),
    [  # table I of Newcombe, Statistics in Medicine 17, 1998, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 1 - 0.1611, 1.0),
    ],
)
def test_the_interval_is_that_of_wilson(errors, count, low, high):
    assert wilson(errors / count, count) == pytest.approx((low, high), abs=5e-5)


def answers():
    """Six images of three classes, of which the last has none; one image is not even among the two listed classes."""
    classes = np.array([[0, 1], [0, 1], [1, 0], [1, 0], [1, 2], [0, 2]])
    return Answers(
        names=list("abcdef"),
        class_names=("n01440764", "cat", "dog"),
        labels=np.array([0, 0, 0, 1, 1, 1]),
        ranks=np.array([0, 0, 1, 0, 0, 2]),
        classes=classes,
        probabilities=np.tile([0.75, 0.25], (6, 1)),
    )


def test_the_errors_of_each_class_and_what_it_is_taken_for():
    first, second = answers().per_class()
    assert (first["class"], first["label"], first["images"]) == ("n01440764", "tench", 3)
    assert first["top1_error"] == pytest.approx(1 / 3)
    assert first["top1_interval"] == pytest.approx(wilson(1 / 3, 3))
    assert (first["taken_for"], first["taken_for_images"]) == ("cat", 1)
    assert (second["class"], second["taken_for"], second["top5_error"]) == ("cat", "tench", 0)
    right = Answers(["a"], ("x", "y"), np.array([1]), np.array([0]), np.array([[1, 0]]), np.array([[0.6, 0.4]]))
    assert right.per_class()[0]["taken_for"] is None


def test_confusion_matrix():
    np.testing.assert_array_equal(answers().confusion(), [[2, 1, 0], [1, 2, 0], [0, 0, 0]])
    labels, predicted = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 0])
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 3), [[1, 1, 0], [0, 1, 0], [2, 0, 0]])


def test_each_image_has_its_row():
    *_, last = answers().rows()
    assert {name: last[name] for name in ("image", "class", "label", "correct", "rank")} == {
        **{"image": "f", "class": "cat", "label": "cat", "correct": False, "rank": 3},
    }
    assert last["predictions"][0] == {"class": "n01440764", "label": "tench", "probability": 0.75}


def test_the_most_probable_classes_are_in_order():
    classes, probabilities = most_probable(np.array([[0.1, 0.3, 0.3, 0.3]]), 3)
    assert classes.tolist() == [[1, 2, 3]]
    listed = predictions(classes[0], probabilities[0], ("a", "n01440764", "c", "d"))
    assert [each["label"] for each in listed] == ["tench", "c", "d"]
    assert most_probable(np.ones((2, 3)) / 3, 5)[0].shape == (2, 3)
