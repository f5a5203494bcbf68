"""Readable labels of class names that are synsets of ImageNet."""

import importlib.util

import pytest

from alexnet_keras.data.class_labels import distinct_labels, imagenet_words, readable, synsets


@pytest.mark.parametrize(
    ("class_name", "label"),
    [("n01440764", "tench"), ("n15075141", "toilet tissue"), ("n99999999", "n99999999"), ("star, red", "star, red")],
)
def test_a_synset_has_its_first_word(class_name, label):
    assert readable(class_name) == label


def test_without_tfds_class_names_have_no_words(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="so imagenet2012/labels.txt is missing; install the package"):
        synsets()
    imagenet_words.cache_clear()
    assert imagenet_words() == {}
    imagenet_words.cache_clear()


def test_all_thousand_labels_differ():
    labels = distinct_labels(tuple(imagenet_words()))
    assert len(set(labels)) == 1000
    assert [label for label in labels if "maillot" in label] == ["maillot", "maillot, tank suit"]
    assert distinct_labels(labels) == labels


def test_a_label_that_is_also_a_class_name():
    assert distinct_labels(["tench", "n01440764"]) == ("tench", "tench, Tinca tinca")
    both = ["tench", "tench, Tinca tinca", "n01440764"]
    assert distinct_labels(both) == ("tench", "tench, Tinca tinca", "n01440764")


def test_other_class_names_stay_as_they_are():
    assert distinct_labels(["a, b", "a, c", "red"]) == ("a, b", "a, c", "red")
