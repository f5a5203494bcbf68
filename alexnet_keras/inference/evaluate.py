"""Measure predictors on a data set."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from alexnet_keras.data import image_ops, pipeline, reading
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.inference.evaluation import LISTED, Answers, Evaluation, from_ranks, most_probable, rank
from alexnet_keras.inference.predictor import BATCH_SIZE, Predictor
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.progress import Progress

CROPS = {1: image_ops.center_crop, 10: image_ops.ten_crops}


def evaluate(predictors: Predictor | Sequence[Predictor], split: Split, crops: int = 1) -> Evaluation:
    """Measure a predictor, or the average of several, on every image of a split.

    Args:
        predictors: a model of any format; of several models, the probabilities are averaged.
        crops: 1 for the centre crop; 10 for ten-crop evaluation (section 4.1): the probabilities of four corners and
            the centre, each with its horizontal flip, are averaged.
    """
    if crops not in CROPS:
        raise OptionError(f"`crops` must be {' or '.join(map(str, CROPS))}, got {crops}.")
    models = [predictors] if isinstance(predictors, Predictor) else list(predictors)
    sizes = sorted({model.input_size for model in models})
    dataset = pipeline.eval_dataset(
        split,
        input_size=sizes[0],
        batch_size=max(1, BATCH_SIZE // crops),
        crop=lambda image, _: tuple(CROPS[crops](image, size) for size in sizes),
    )
    ranks: list[list[np.ndarray]] = [[] for _ in models]
    averages = []
    with Progress("Evaluating", len(split)) as progress, reading.naming_unreadable(split):
        for images, labels in dataset.as_numpy_iterator():
            probabilities = []
            for model, found in zip(models, ranks, strict=True):
                batch = images[sizes.index(model.input_size)]
                answer = model.predict(batch.reshape(-1, *batch.shape[-3:])).reshape(len(labels), crops, -1)
                probabilities.append(answer.mean(axis=1))
                found.append(rank(probabilities[-1], labels))
            average = np.mean(probabilities, axis=0)
            averages.append((rank(average, labels), *most_probable(average, LISTED)))
            progress.advance(len(labels))
    own = [from_ranks(np.concatenate(found), crops) for found in ranks]
    answers = Answers(
        split.names, models[0].class_names, split.labels, *map(np.concatenate, zip(*averages, strict=True))
    )
    errors = from_ranks(answers.ranks, crops)
    return dataclasses.replace(errors, models=tuple(own) if len(models) > 1 else (), answers=answers)


def same_classes(predictor: Predictor, dataset: DataSet) -> bool:
    """Return whether a data set has the classes of a model.

    A model whose class names are 0, 1, … fits any names, if there are as many. Either may have the synsets of ImageNet
    or their words, as `load_data` gives them.
    """
    known, given = distinct_labels(predictor.class_names), distinct_labels(dataset.class_names)
    return known in (given, tuple(map(str, range(len(given)))))


def check_classes(predictor: Predictor, dataset: DataSet) -> None:
    """Raise `InputError` if a data set has other classes than the model."""
    known, given = predictor.class_names, dataset.class_names
    if not same_classes(predictor, dataset):
        raise InputError(
            f"The model has {len(known)} classes ({_excerpt(known)}), but {dataset.name} has {len(given)} "
            f"({_excerpt(given)}); use data with the classes that the model was trained on."
        )


def _excerpt(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
