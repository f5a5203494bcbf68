"""Figures of images that a network finds similar: nearest neighbors, and a map of the features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patheffects import withStroke

from alexnet_keras.config.ranges import Count, check_value
from alexnet_keras.config.training import Source
from alexnet_keras.data.class_labels import readable
from alexnet_keras.data.dataset import DataSet, Split, evenly_spaced, sample, take
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import one_pass, style
from alexnet_keras.figures.networks import network_of
from alexnet_keras.inference.features import compiled, until
from alexnet_keras.inference.keras_model import input_size
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import stage

QUERIES = 5
NEIGHBORS = 5
THUMBNAIL = 40  # pixels of an image in the map
PERPLEXITY = 30  # of t-SNE, its usual value; a third of the images if there are fewer


@dataclass(frozen=True)
class Neighbors:
    """Images and those that are nearest to them by features, and by pixels.

    Attributes:
        queries: the validation images, as the network sees them, in rows of their own.
        nearest: what they are compared by -> for each query the nearest training images, nearest first.
        same: what they are compared by -> `(Q, N)`, whether the class is that of the query.
        searched: how many training images they are the nearest of, in words.
    """

    queries: Sequence[np.ndarray]
    labels: np.ndarray
    nearest: dict[str, list[list[np.ndarray]]]
    same: dict[str, np.ndarray]
    searched: str


def neighbors(model: keras.Model, dataset: DataSet, layer: str, limit: int) -> Neighbors:
    """Find what `retrieval` draws."""
    size, call = input_size(model), compiled(until(model, layer))
    queries, candidates = _one_of_each_class(dataset.validation, QUERIES), sample(dataset.train, limit)
    images = np.stack(one_pass.crops(queries, range(len(queries)), size))
    wanted = {layer: _flat(call(images)), "pixels": _flat(images)}
    distances: dict[str, list[np.ndarray]] = {kind: [] for kind in wanted}
    for batch, outputs in one_pass.outputs(candidates, size, call, f"Computing {layer}"):
        for (kind, these), those in zip(wanted.items(), (outputs, batch), strict=True):
            distances[kind].append(squared_distances(these, _flat(those)))
    nearest, same = {}, {}
    for kind, found in distances.items():
        order = np.argsort(np.concatenate(found, axis=1), axis=1, kind="stable")[:, :NEIGHBORS]
        nearest[kind] = [one_pass.crops(candidates, row, size) for row in order]
        same[kind] = candidates.labels[order] == queries.labels[:, None]
    return Neighbors(list(images), queries.labels, nearest, same, style.in_words(len(candidates), "training images"))


def retrieval(model: Any, data: Source, layer: str = "fc7", limit: int = 2000) -> Figure:
    """Draw validation images and their nearest training images by a layer and by pixels (Figure 4, right).

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        data: the data set.
        layer: the layer whose outputs are compared.
        limit: number of training images that are searched, of each class in proportion.

    Raises:
        OptionError: there is no such layer, or `limit` is out of its range.
        InputError: the data set cannot be read.
    """
    check_value("`limit`", Count, limit)
    model = network_of(model)
    found = neighbors(model, open_dataset(data), layer, limit)
    caption = (
        f"Left: validation images. Right of them the {NEIGHBORS} nearest of {found.searched} by Euclidean distance. "
        "Orange frames: another class."
    )
    figure = style.new(f"Nearest neighbors by {layer} and by pixels", caption)
    ratios = (1, 0.15, *[1] * NEIGHBORS, 0.15, *[1] * NEIGHBORS)
    grid = figure.subplots(len(found.queries), len(ratios), width_ratios=ratios, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid[:, 0], found.queries, strict=True):
        style.show(axes, image)
    grid[0, 0].set_title("image", fontsize=style.LABEL, color=style.INK)
    for first, kind in zip((2, 3 + NEIGHBORS), found.nearest, strict=True):
        same = found.same[kind]
        for row, images in enumerate(found.nearest[kind]):
            for column, image in enumerate(images):
                style.show(grid[row, first + column], image)
                if not same[row, column]:
                    style.frame(grid[row, first + column], style.VERMILION)
        words = f"nearest by {kind}: {same.sum()} of {same.size} of the same class"
        grid[0, first + same.shape[1] // 2].set_title(words, fontsize=style.LABEL, color=style.INK)
    return figure


def _one_of_each_class(split: Split, count: int) -> Split:
    """Take up to `count` images, each of another class if there are as many classes."""
    _, first = np.unique(split.labels, return_index=True)
    chosen = first[evenly_spaced(len(first), count)]
    return sample(split, count) if len(first) < count else take(split, chosen)


def embedding(model: Any, data: Source, layer: str = "fc7", limit: int = 300) -> Figure:
    """Draw a map of validation images on which images with similar features lie together (t-SNE).

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        data: the data set.
        layer: the layer whose outputs are mapped.
        limit: number of validation images, of each class in proportion.

    Raises:
        OptionError: there is no such layer, or `limit` is out of its range.
        InputError: the data set cannot be read, has too few images, or scikit-learn is not installed.
    """
    check_value("`limit`", Count, limit)
    model = network_of(model)
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise InputError(
            "The map needs scikit-learn; install it with `pip install 'alexnet-keras[embedding]'`."
        ) from error
    size, network = input_size(model), until(model, layer)
    dataset = open_dataset(data)
    split = sample(dataset.validation, limit)
    if len(split) < 4:
        raise InputError(
            f"{dataset.name} has {style.in_words(len(split), 'validation images')}; the map needs 4. Add some."
        )
    thumbnails, features = [], []
    step = max(1, size // THUMBNAIL)
    for images, outputs in one_pass.outputs(split, size, compiled(network), f"Computing {layer}"):
        thumbnails.append(images[:, ::step, ::step])
        features.append(_flat(outputs))
    perplexity = min(PERPLEXITY, len(split) / 3)
    with stage("Computing the map"):
        places = TSNE(perplexity=perplexity, random_state=0, init="pca").fit_transform(np.concatenate(features))
    caption = (
        f"t-SNE of {layer} for {style.in_words(len(split), 'validation images')}, perplexity {perplexity:.0f}. "
        "Neighbors have similar features; distances between groups mean little. Frames have the colour of the class."
    )
    figure = style.new(f"{dataset.name}: validation images by the similarity of {layer}", caption, height=9)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.update_datalim(places)
    axes.autoscale_view()
    for place, image, label in zip(places, np.concatenate(thumbnails), split.labels, strict=True):
        box = {"edgecolor": style.color(label), "linewidth": 1.5, "boxstyle": "square,pad=0"}
        thumbnail = OffsetImage(image, zoom=20 / len(image))
        axes.add_artist(AnnotationBbox(thumbnail, place, bboxprops=box, pad=0))
    named: list[np.ndarray] = []  # places of the names in pixels
    up = np.array((0.0, 24.0))
    for label in np.unique(split.labels):
        x, top = np.median(places[split.labels == label, 0]), places[split.labels == label, 1].max()
        place = axes.transData.transform((x, top)) + up
        while any((np.abs(place - other) < (120, 24)).all() for other in named):
            place = place + up
        named.append(place)
        x, y = axes.transData.inverted().transform(place)
        name = axes.text(x, y, readable(dataset.class_names[label]))
        outline = withStroke(linewidth=4, foreground="white")
        name.set(fontsize=style.LABEL, weight="bold", color=style.INK, ha="center", zorder=10, path_effects=[outline])
    return figure


def squared_distances(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """Compute the squared Euclidean distance of each of `(N, D)` vectors to each of `(M, D)`: `(N, M)`."""
    return np.stack([((those - this) ** 2).sum(axis=1) for this in these])


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(np.float32)
