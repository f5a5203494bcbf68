"""Top-1 and top-5 errors of a predictor on a data set."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import image_ops, pipeline, reading
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress

BATCH_SIZE = 64  # crops in one call of the predictor
CROPS = {1: image_ops.centre_crop, 10: image_ops.ten_crops}


@dataclass(frozen=True)
class Evaluation:
    """Errors of a model on a data set split.

    Attributes:
        top1_error: fraction of images whose class is not the most probable one, 0 to 1.
        top5_error: fraction of images whose class is not among the five most probable ones, 0 to 1.
        num_images: number of images; each is counted once.
        crops: number of crops of each image whose probabilities were averaged, 1 or 10.
    """

    top1_error: float
    top5_error: float
    num_images: int
    crops: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as a dictionary for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Restore what `to_dict` returned, also from an evaluation.json, which has more keys.

        Version 0.1.0 called the crops `views`.

        Raises:
            OptionError: a value is missing or of another type.
        """
        if "views" in values:
            values = {"crops": values["views"], **values}
        names = {field.name for field in dataclasses.fields(cls)}
        restored: Self = build(cls, {name: value for name, value in values.items() if name in names}, "evaluation")
        return restored


def evaluate(predictor: Predictor, split: Split, crops: int = 1) -> Evaluation:
    """Measure a predictor on every image of a split.

    Args:
        predictor: a model of any format.
        split: the images and their labels.
        crops: 1 for the centre crop; 10 for ten-crop evaluation (section 4.1): the probabilities of four corners and
            the centre, each with its horizontal flip, are averaged.

    Returns:
        The top-1 and top-5 errors.

    Raises:
        OptionError: `crops` is neither 1 nor 10.
        InputError: an image cannot be read.
        RunError: the model returns numbers that are no probabilities.
    """
    if crops not in CROPS:
        raise OptionError(f"`crops` must be {' or '.join(map(str, CROPS))}, got {crops}.")
    batch_size = max(1, BATCH_SIZE // crops)
    dataset = pipeline.eval_dataset(split, input_size=predictor.input_size, batch_size=batch_size, crop=CROPS[crops])
    ranks = []
    with Progress("Evaluating", len(split)) as progress, reading.naming_unreadable(split):
        for images, labels in dataset.as_numpy_iterator():
            probabilities = predictor.predict(images.reshape(-1, *images.shape[-3:]))
            ranks.append(rank(probabilities.reshape(len(labels), crops, -1).mean(axis=1), labels))
            progress.advance(len(labels))
    return from_ranks(np.concatenate(ranks), crops)


def evaluate_on(predictor: Predictor, source: str | DataSource, crops: int = 1) -> Evaluation:
    """Measure a predictor on the validation images of a data set, as `evaluate` does.

    Args:
        predictor: a model of any format.
        source: the name or folder of a data set, or a `DataSource`.
        crops: 1 or 10.

    Returns:
        The top-1 and top-5 errors.

    Raises:
        OptionError: `crops` is neither 1 nor 10, or there is no such data set.
        InputError: the data set cannot be read, or it has other classes than the model.
        RunError: the model returns numbers that are no probabilities.
    """
    dataset = open_dataset(source)
    check_classes(predictor, dataset)
    return evaluate(predictor, dataset.validation, crops)


def check_classes(predictor: Predictor, dataset: DataSet) -> None:
    """Refuse a data set whose classes differ from the model's.

    A model whose class names are indices matches every data set with as many classes.

    Raises:
        InputError: the data set has other classes than the model.
    """
    known, given = predictor.class_names, dataset.class_names
    if known != given and known != tuple(map(str, range(len(given)))):
        raise InputError(
            f"The model has {len(known)} classes ({_excerpt(known)}), but {dataset.name} has {len(given)} "
            f"({_excerpt(given)}); use data with the classes that the model was trained on."
        )


def _excerpt(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def from_ranks(ranks: np.ndarray, crops: int = 1) -> Evaluation:
    """Count errors from the ranks `(N,)` of the true classes, as `rank` returns them."""
    return Evaluation(float((ranks >= 1).mean()), float((ranks >= 5).mean()), len(ranks), crops)


def rank(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the classes that are predicted before the true one.

    Of equal probabilities the lower index comes first. NaN comes before everything, so a broken model is always wrong.

    Args:
        probabilities: `(B, classes)`.
        labels: `(B,)` integers, the true classes.

    Returns:
        `(B,)` integers; 0 if the true class is the most probable one.
    """
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    lower_index = np.arange(probabilities.shape[1]) < labels[:, None]
    ahead = ~(probabilities <= true) | (probabilities == true) & lower_index
    return ahead.sum(axis=1)
