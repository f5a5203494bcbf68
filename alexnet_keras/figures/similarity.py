"""Figures of images that a network finds similar: nearest neighbours, and a map of the features."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from alexnet_keras.config.ranges import Count, MapSize, check_value
from alexnet_keras.config.training import Source
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.dataset import DataSet, Split, evenly_spaced, sample, take
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import MAPPED, SEARCHED, one_pass, style
from alexnet_keras.figures.networks import HIDDEN, last_layer, network_of
from alexnet_keras.inference.features import compiled, until
from alexnet_keras.inference.keras_model import input_size
from alexnet_keras.model.mosaic import mosaic
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import stage

QUERIES = 5
NEIGHBORS = 5
COLUMNS, ROWS = 23, 13  # of the map; each place shows one image
THUMBNAIL = 80  # pixels of an image in the map
FRAME = 3  # pixels around it
LETTER, LINE = 0.22, 0.75  # of a class name on the map: the width and the height in places
PERPLEXITY = 30  # of t-SNE, its usual value; a third of the images if there are fewer


@dataclass(frozen=True)
class Neighbors:
    """Images and those that are nearest to them by features, and by pixels.

    Attributes:
        queries: the validation images as the network sees them, one query for each row.
        nearest: what they are compared by -> for each query the nearest training images, nearest first.
        same: what they are compared by -> `(Q, N)`, whether the class is that of the query.
        searched: the number of training images searched, as text.
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


def retrieval(model: Any, data: Source, layer: str | None = None, limit: int = SEARCHED) -> Figure:
    """Draw validation images and their nearest training images by a layer and by pixels (Figure 4, right).

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        data: the data set.
        layer: the layer whose outputs are compared; `None` for the last one before the classifier, fc7.
        limit: number of training images that are searched, of each class in proportion.

    Raises:
        OptionError: there is no such layer, or `limit` is out of its range.
        InputError: the data set cannot be read.
    """
    check_value("`limit`", Count, limit)
    model, dataset = network_of(model), open_dataset(data)
    layer = last_layer(model, HIDDEN) if layer is None else layer
    found, names = neighbors(model, dataset, layer, limit), distinct_labels(dataset.class_names)
    caption = (
        f"Left: validation images. Right of them the {NEIGHBORS} nearest of {found.searched} by Euclidean distance. "
        "Orange frames: another class."
    )
    figure = style.new(f"Nearest neighbours by {layer} and by pixels", caption)
    ratios = (1, 0.15, *[1] * NEIGHBORS, 0.15, *[1] * NEIGHBORS)
    grid = figure.subplots(len(found.queries), len(ratios), width_ratios=ratios, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, label in zip(grid[:, 0], found.queries, found.labels, strict=True):
        style.show(axes, image)
        style.frame(axes, style.PALE)
        axes.set_ylabel(textwrap.fill(names[label], 12), fontsize=style.SMALL, color=style.INK)
    grid[0, 0].set_title("image", fontsize=style.LABEL, color=style.INK)
    for first, kind in zip((2, 3 + NEIGHBORS), found.nearest, strict=True):
        same = found.same[kind]
        for row, images in enumerate(found.nearest[kind]):
            for column, image in enumerate(images):
                style.show(grid[row, first + column], image)
                # Each image has a frame, so that all look equally large.
                style.frame(grid[row, first + column], style.PALE if same[row, column] else style.VERMILION)
        words = f"nearest by {kind}: {same.sum()} of {same.size} have the class of the query"
        grid[0, first + same.shape[1] // 2].set_title(words, fontsize=style.LABEL, color=style.INK)
    return figure


def _one_of_each_class(split: Split, count: int) -> Split:
    """Take up to `count` images, each of another class if there are as many classes."""
    _, first = np.unique(split.labels, return_index=True)
    chosen = first[evenly_spaced(len(first), count)]
    return sample(split, count) if len(first) < count else take(split, chosen)


def embedding(model: Any, data: Source, layer: str | None = None, limit: int = MAPPED) -> Figure:
    """Draw a map of validation images on which images with similar features lie together (t-SNE).

    Args:
        model: a run, a model file, a file of trained weights, or a Keras model of this package.
        data: the data set.
        layer: the layer whose outputs are mapped; `None` for the last one before the classifier, fc7.
        limit: number of validation images, of each class in proportion, at most 3,000.

    Raises:
        OptionError: there is no such layer, or `limit` is out of its range.
        InputError: the data set cannot be read or has too few images, the outputs of the layer cannot be mapped, or
            scikit-learn is not installed.
    """
    check_value("`limit`", MapSize, limit)
    model = network_of(model)
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise InputError(
            "The map needs scikit-learn; install it with `pip install 'alexnet-keras[embedding]'`."
        ) from error
    layer = last_layer(model, HIDDEN) if layer is None else layer
    size, network = input_size(model), until(model, layer)
    dataset = open_dataset(data)
    split = sample(dataset.validation, limit)
    if len(split) < 4:
        raise InputError(
            f"{dataset.name} has {style.in_words(len(split), 'validation images')}; the map needs 4. Add some."
        )
    call = compiled(network)
    features = np.concatenate([_flat(found) for _, found in one_pass.outputs(split, size, call, f"Computing {layer}")])
    _check_features(features, layer)
    perplexity = min(PERPLEXITY, len(split) / 3)
    with stage("Computing the map"):
        places = TSNE(perplexity=perplexity, random_state=0, init="pca").fit_transform(features)
    cells = _cells(places)
    _, shown = np.unique(cells, axis=0, return_index=True)
    caption = (
        f"t-SNE of {layer} for {style.in_words(len(split), 'validation images')}, perplexity {perplexity:.0f}. "
        "Neighbours have similar features; distances between groups mean little. "
        f"{len(shown):,} images are shown, one at each place."
    )
    figure = style.new(f"{dataset.name}: validation images by the similarity of {layer}", caption, height=9)
    axes = figure.subplots()
    step = max(1, size // THUMBNAIL)
    thumbnails = [image[::step, ::step] for image in one_pass.crops(split, shown, size)]
    drawn = _map(thumbnails, cells[shown], split.labels[shown])
    style.show(axes, drawn, extent=(-0.5, COLUMNS - 0.5, ROWS - 0.5, -0.5))
    named: list[tuple[float, float, int]] = []  # the places of the names, and their numbers of letters
    for label, name in enumerate(distinct_labels(dataset.class_names)):
        if not (split.labels == label).any():
            continue
        column, row = (float(value) for value in np.median(cells[split.labels == label], axis=0))
        while any(abs(row - y) < LINE and abs(column - x) < LETTER * (len(name) + n) / 2 for x, y, n in named):
            row -= LINE
        named.append((column, row, len(name)))
        outline = [withStroke(linewidth=4, foreground="white")]
        axes.text(column, row, name, fontsize=style.LABEL, weight="bold", color=style.INK, ha="center", va="center",
                  path_effects=outline)  # fmt: skip
    return figure


def _check_features(features: np.ndarray, layer: str) -> None:
    """Raise `InputError` for features from which t-SNE cannot start; scikit-learn crashes if they are constant."""
    if not np.isfinite(features).all():
        raise InputError(f"The output of {layer} is not finite, so the model is damaged; train or copy it again.")
    if features.shape[1] < 2:
        raise InputError(f"The output of {layer} is a single number; the map needs two. Choose another layer.")
    if (features == features[0]).all():
        raise InputError(f"The output of {layer} is the same for all images, so it has no map; choose another layer.")


def _cells(places: np.ndarray) -> np.ndarray:
    """Return the nearest column and row of the map for each of `(N, 2)` places, which fill it."""
    low, high = places.min(axis=0), places.max(axis=0)
    fractions = (places - low) / np.maximum(high - low, 1e-12)
    return (fractions * (COLUMNS - 1, ROWS - 1)).round().astype(int)


def _map(thumbnails: Sequence[np.ndarray], cells: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw images at their columns and rows, with frames in the colours of their classes."""
    side = len(thumbnails[0]) + 2 * FRAME
    blank = np.full((ROWS * COLUMNS, side, side, 3), 255, np.uint8)
    for image, (column, row), label in zip(thumbnails, cells, labels, strict=True):
        cell = blank[row * COLUMNS + column]
        cell[:] = np.round(255 * np.array(to_rgb(style.color(label))))
        cell[FRAME:-FRAME, FRAME:-FRAME] = image
    return mosaic(blank, COLUMNS, gap=FRAME, background=255)


def squared_distances(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """Compute the squared Euclidean distance of each of `(N, D)` vectors to each of `(M, D)`: `(N, M)`."""
    return np.stack([((those - this) ** 2).sum(axis=1) for this in these])


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(np.float32)
