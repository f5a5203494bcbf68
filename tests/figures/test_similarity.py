"""Neighbors and the map of features show which images a network takes for similar."""

import sys
import types

import numpy as np
import pytest
from support import CLASS_NAMES
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import similarity
from alexnet_keras.system.errors import InputError, OptionError


def test_the_nearest_neighbour_of_a_training_image_is_itself(network, twins):
    figure = figures.retrieval(network, twins)
    by_row = np.array_split(np.stack(images(figure)), 1)[0]
    assert len(by_row) == 5 * (1 + 5 + 5)
    for query, nearest, by_pixels in zip(by_row[::11], by_row[1::11], by_row[6::11], strict=True):
        np.testing.assert_array_equal(query, nearest)
        np.testing.assert_array_equal(query, by_pixels)
    assert_well_set(figure)


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
    assert len(figure.axes[0].artists) == 9
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


@pytest.mark.parametrize("draw", [figures.retrieval, figures.embedding])
def test_a_limit_out_of_range(draw, network, folder):
    with pytest.raises(OptionError, match="`limit` must be 1 to 1,000,000, got 0."):
        draw(network, str(folder), limit=0)
