"""Neighbours and the map of features show which images a network takes for similar."""

import sys
import types

import numpy as np
import pytest
from support import CLASS_NAMES
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import similarity
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


def test_the_nearest_neighbour_of_a_training_image_is_itself(network, twins):
    figure = figures.retrieval(network, twins)
    by_row = np.array_split(np.stack(images(figure)), 1)[0]
    assert len(by_row) == 5 * (1 + 5 + 5)
    for query, nearest, by_pixels in zip(by_row[::11], by_row[1::11], by_row[6::11], strict=True):
        np.testing.assert_array_equal(query, nearest)
        np.testing.assert_array_equal(query, by_pixels)
    assert_well_set(figure)
    found = words(figure)
    assert "nearest by pixels: 20 of 25 have the class of the query" in found  # there are four of each class
    assert set(CLASS_NAMES) <= set(found)


def test_each_image_has_a_frame_so_that_all_look_equally_large(network, twins):
    axes = [each for each in figures.retrieval(network, twins, limit=3).axes if each.images]
    assert {each.spines["left"].get_linewidth() for each in axes} == {4}
    assert all(each.axison for each in axes)


def test_the_last_layer_before_the_classifier_is_the_default(small, twins, tsne):
    assert figures.retrieval(small, twins).get_suptitle() == "Nearest neighbours by flatten and by pixels"
    assert figures.embedding(small, twins).get_suptitle() == "twins: validation images by the similarity of flatten"


def test_squared_distances():
    these, those = np.array([[0.0, 0], [1, 1]]), np.array([[3.0, 4], [1, 0], [0, 0]])
    np.testing.assert_array_equal(similarity.squared_distances(these, those), [[25, 1, 0], [13, 1, 2]])


@pytest.fixture
def tsne(monkeypatch):
    """A stand-in for scikit-learn's t-SNE, which takes seconds: the places are two of the features."""
    calls = []

    class TSNE:
        def __init__(self, **options):
            calls.append(options)

        def fit_transform(self, features):
            return features[:, :2] + np.arange(len(features))[:, None]

    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.manifold", types.SimpleNamespace(TSNE=TSNE))
    return calls


def test_embedding(network, folder, tsne):
    figure = figures.embedding(network, str(folder))
    assert set(CLASS_NAMES) <= set(words(figure))
    assert "9 images are shown, one at each place." in " ".join(words(figure)[-1].split())
    assert tsne == [{"perplexity": 3, "random_state": 0, "init": "pca"}]
    assert_well_set(figure)


def test_embedding_of_too_few_images(network, folder, tsne):
    with pytest.raises(InputError, match="colours has 3 validation images; the map needs 4. Add some."):
        figures.embedding(network, str(folder), limit=3)


def test_embedding_without_scikit_learn(hide, network, folder):
    hide("sklearn")
    with pytest.raises(
        InputError, match="needs scikit-learn; install it with `pip install 'alexnet-keras\\[embedding\\]'`"
    ):
        figures.embedding(network, str(folder))


@pytest.mark.parametrize(
    ("draw", "limit", "expected"),
    [(figures.retrieval, 0, "1 to 1,000,000, got 0."), (figures.embedding, 3_001, "1 to 3,000, got 3001.")],
)
def test_a_limit_out_of_range(draw, limit, expected, network, folder):
    with pytest.raises(OptionError, match=f"`limit` must be {expected}"):
        draw(network, str(folder), limit=limit)


def test_features_of_dead_units_have_no_map(tiny, folder, tsne):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    for tower in "ab":
        kernel, bias = model.get_layer(f"fc7{tower}").get_weights()
        model.get_layer(f"fc7{tower}").set_weights([0 * kernel, bias - 1e3])
    with pytest.raises(InputError) as caught:
        figures.embedding(model, str(folder))
    expected = "The output of fc7 is the same for all images, so it has no map; choose another layer."
    assert str(caught.value) == expected
    assert tsne == []


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([[1.0, np.nan], [0, 1]], "The output of fc7 is not finite, so the model is damaged; train or copy it again."),
        ([[1.0], [2]], "The output of fc7 is a single number; the map needs two. Choose another layer."),
    ],
)
def test_features_that_have_no_map(features, expected):
    with pytest.raises(InputError) as caught:
        similarity._check_features(np.array(features), "fc7")
    assert str(caught.value) == expected


def test_places_fill_the_map():
    places = np.array([[-3.0, 5], [1, 7], [-1, 6], [1, 7]])
    assert similarity._cells(places).tolist() == [[0, 0], [22, 12], [11, 6], [22, 12]]


def test_an_image_on_the_map_has_the_colour_of_its_class():
    image = np.full((4, 4, 3), 9, np.uint8)
    drawn = similarity._map([image], np.array([[1, 2]]), np.array([1]))
    left, top = 1 * (4 + 3 * 3), 2 * (4 + 3 * 3)  # an image, its frame and the gap
    assert (drawn[top + 3 : top + 7, left + 3 : left + 7] == 9).all()
    assert drawn[top, left].tolist() == [0xD5, 0x5E, 0]
    assert (drawn[:top] == 255).all()
