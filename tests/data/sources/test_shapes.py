"""The embedded data set: the same everywhere, and told apart by form alone."""

import hashlib

import numpy as np
import pytest

from alexnet_keras.data.sources import shapes


def test_images_are_the_same_on_every_machine():
    digest = hashlib.sha256()
    for split, index in [("train", 0), ("train", 1999), ("validation", 0), *(("train", i) for i in range(20, 30))]:
        image, label = shapes.draw(split, index)
        assert image.shape == (256, 256, 3)
        assert image.dtype == np.uint8
        assert label == index % 10
        digest.update(image.tobytes())
    assert digest.hexdigest() == "db4b11dc1053185b1eaec11b269e25449a70e91b3ceee343a9d1c6aa2f187c02"


def test_splits_and_indices_differ():
    first = shapes.draw("train", 3)[0]
    assert not np.array_equal(first, shapes.draw("validation", 3)[0])
    assert not np.array_equal(first, shapes.draw("train", 13)[0])


@pytest.mark.parametrize("name", shapes.FORMS)
def test_a_form_is_one_piece_of_its_unit_square(name):
    grid = np.arange(-shapes.UNIT, shapes.UNIT + 1, 8)
    inside = shapes.FORMS[name](grid[None, :], grid[:, None])
    assert 0.2 < inside.mean() < 0.8
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    assert not border.any()


def test_a_color_histogram_cannot_tell_the_classes_apart():
    """Nearest neighbors in joint colour histograms, the amounts of the two main colours included: near chance."""

    def histogram(image: np.ndarray) -> np.ndarray:
        bins = (image // 43).astype(int)  # six bins a channel, 216 in all
        counts = np.bincount((bins @ [36, 6, 1]).ravel(), minlength=216) / bins[..., 0].size
        return np.concatenate([np.sqrt(counts), np.sort(counts)[::-1][:8]])

    train = [shapes.draw("train", index) for index in range(1000)]
    test = [shapes.draw("validation", index) for index in range(200)]
    known = np.stack([histogram(image) for image, _ in train])
    labels = np.array([label for _, label in train])
    correct = 0
    for image, label in test:
        nearest = np.argsort(np.abs(known - histogram(image)).sum(axis=1))[:5]
        correct += np.bincount(labels[nearest], minlength=10).argmax() == label
    assert correct / len(test) < 0.2  # chance is 0.1, its standard deviation 0.02


def test_shapes_have_two_thousand_and_five_hundred_images():
    assert shapes.NUM_IMAGES == {"train": 2000, "validation": 500}
