"""Errors of any function from images to probabilities."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from alexnet_keras.config.training import DataSource
from alexnet_keras.data import image_ops, pipeline, reading
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress

BATCH_SIZE = 64  # views a call of the model
VIEWS = {1: image_ops.centre_crop, 10: image_ops.ten_crops}


@dataclass(frozen=True)
class Evaluation:
    """Errors over a set of images, as fractions.

    Attributes:
        top1_error: share of images whose class is not the most probable one.
        top5_error: share of images whose class is not among the five most probable ones.
        num_images: images that were counted, each once.
        views: crops of each image whose probabilities were averaged.
    """

    top1_error: float
    top5_error: float
    num_images: int
    views: int = 1

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `to_dict` gave; other keys, as evaluation.json has, are left out."""
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})


def evaluate(predictor: Predictor, split: Split, views: int = 1) -> Evaluation:
    """Measure a predictor on every picture of a split, each counted once.

    Args:
        predictor: a model of any format.
        split: the pictures.
        views: 1 for the central crop; 10 for the mean of the probabilities of the ten views of section 4.1.

    Raises:
        OptionError: `views` is another number.
        InputError: a picture cannot be read.
    """
    if views not in VIEWS:
        raise OptionError(f"views must be {' or '.join(map(str, VIEWS))}, got {views}.")
    view, batch_size = VIEWS[views], max(1, BATCH_SIZE // views)
    dataset = pipeline.eval_dataset(split, input_size=predictor.input_size, batch_size=batch_size, view=view)
    ranks = []
    with Progress("Evaluating", len(split)) as progress, reading.naming_unreadable(split):
        for images, labels in dataset.as_numpy_iterator():
            probabilities = predictor.predict(images.reshape(-1, *images.shape[-3:]))
            ranks.append(rank(probabilities.reshape(len(labels), views, -1).mean(axis=1), labels))
            progress.advance(len(labels))
    return from_ranks(np.concatenate(ranks), views)


def evaluate_on(predictor: Predictor, source: str | DataSource, views: int = 1) -> Evaluation:
    """Measure a predictor on the validation pictures of a data set.

    Raises:
        InputError: the data set has other classes than the model.
    """
    dataset = open_dataset(source)
    check_classes(predictor, dataset)
    return evaluate(predictor, dataset.validation, views)


def check_classes(predictor: Predictor, dataset: DataSet) -> None:
    """Refuse to compare what has other classes.

    Raises:
        InputError: the data set has other classes than the model.
    """
    known, asked = predictor.class_names, dataset.class_names
    if known != asked and known != tuple(map(str, range(len(asked)))):
        raise InputError(
            f"The model knows {len(known)} classes ({_excerpt(known)}), {dataset.name} has {len(asked)} "
            f"({_excerpt(asked)}); use data with the classes it was trained on."
        )


def _excerpt(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def from_ranks(ranks: np.ndarray, views: int = 1) -> Evaluation:
    """Errors from the place of each image's class among the probabilities, 0 the most probable."""
    return Evaluation(float((ranks >= 1).mean()), float((ranks >= 5).mean()), len(ranks), views)


def rank(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes come before the right one; a tie goes to the lower index, NaN before everything.

    Args:
        probabilities: `(B, classes)`.
        labels: `(B,)` integers.

    Returns:
        `(B,)` integers from 0.
    """
    right = np.take_along_axis(probabilities, labels[:, None], axis=1)
    before = np.arange(probabilities.shape[1]) < labels[:, None]
    ahead = ~(probabilities <= right) | (probabilities == right) & before
    return ahead.sum(axis=1)
