"""Errors of models on labelled images, with their intervals, and the answers that they are counted from."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np

from alexnet_keras.config.ranges import Range
from alexnet_keras.config.serialization import build
from alexnet_keras.data.class_labels import distinct_labels

LISTED = 5  # classes of each image that are kept
INTERVAL = "Wilson, 95%"
_Z = 1.959963984540054  # a normal variable is within so many standard deviations of its mean with 95% probability


def wilson(fraction: float, count: int) -> tuple[float, float]:
    """Compute the 95% interval of Wilson (1927) for a probability of which `fraction` was measured in `count` trials.

    Unlike the normal approximation, it stays within 0..1 and has a width if no trial, or every trial, is an error. It
    covers the choice of the images, not the seed of a training.
    """
    spread = _Z**2 / count
    center = (fraction + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(fraction * (1 - fraction) / count + spread / (4 * count))
    return max(0.0, center - half), min(1.0, center + half)


@dataclass(frozen=True)
class Evaluation:
    """Errors of a model on a data set split.

    Attributes:
        top1_error: fraction of images whose class is not the most probable one, 0 to 1.
        top5_error: fraction of images whose class is not among the five most probable ones, 0 to 1.
        num_images: number of images; each is counted once.
        crops: number of crops of each image whose probabilities were averaged, 1 or 10.
        models: the errors of each model, if the probabilities of several were averaged.
        answers: what the errors were counted from; `None` if they were read from a file.
    """

    top1_error: Annotated[float, Range(0, 1)]
    top5_error: Annotated[float, Range(0, 1)]
    num_images: Annotated[int, Range(1, 10**12)]
    crops: int = 1
    models: "tuple[Evaluation, ...]" = field(default=(), compare=False, repr=False)
    answers: "Answers | None" = field(default=None, compare=False, repr=False)

    @property
    def top1_interval(self) -> tuple[float, float]:
        """The 95% interval of the top-1 error, as `wilson` computes it."""
        return wilson(self.top1_error, self.num_images)

    @property
    def top5_interval(self) -> tuple[float, float]:
        """The 95% interval of the top-5 error, as `wilson` computes it."""
        return wilson(self.top5_error, self.num_images)

    def to_dict(self) -> dict[str, Any]:
        """Return the errors, their intervals and the counts as a dictionary for JSON."""
        values = {name: getattr(self, name) for name in ("top1_error", "top5_error", "num_images", "crops")}
        return {
            **values,
            "top1_interval": list(self.top1_interval),
            "top5_interval": list(self.top5_interval),
            "interval": INTERVAL,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Restore what `to_dict` returned, also from an evaluation.json, which has more keys.

        Version 0.1.0 called the crops `views`.
        """
        if "views" in values:
            values = {"crops": values["views"], **values}
        names = {each.name for each in dataclasses.fields(cls)} - {"models", "answers"}
        restored: Self = build(cls, {name: value for name, value in values.items() if name in names}, "evaluation")
        return restored


@dataclass(frozen=True)
class Answers:
    """The answers of a model, or of an average of several, to every image of a split.

    Attributes:
        names: where each image came from.
        labels: `(N,)` the true classes.
        ranks: `(N,)` the numbers of classes before the true one, as `rank` returns them.
        classes, probabilities: `(N, k)` the most probable classes, most probable first.
    """

    names: Sequence[str]
    class_names: tuple[str, ...]
    labels: np.ndarray
    ranks: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray

    def confusion(self) -> np.ndarray:
        """Count images: `(classes, classes)`, a row for each true class, a column for each predicted class."""
        return confusion_matrix(self.labels, self.classes[:, 0], len(self.class_names))

    def per_class(self) -> list[dict[str, Any]]:
        """Return the errors of each class that has images, and the class that its images are most often taken for."""
        rows, names = [], distinct_labels(self.class_names)
        for index in np.unique(self.labels):
            images = self.labels == index
            errors, predicted = from_ranks(self.ranks[images]), self.classes[images, 0]
            others, counts = np.unique(predicted[predicted != index], return_counts=True)
            rows.append(
                {
                    "class": self.class_names[index],
                    "label": names[index],
                    "images": errors.num_images,
                    **{name: value for name, value in errors.to_dict().items() if name.startswith("top")},
                    "taken_for": names[others[counts.argmax()]] if len(others) else None,
                    "taken_for_images": int(counts.max(initial=0)),
                }
            )
        return rows

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the name, the true class and the most probable classes of each image."""
        for name, label, rank, classes, probabilities in zip(
            self.names, self.labels.tolist(), self.ranks.tolist(), self.classes, self.probabilities, strict=True
        ):
            yield {
                "image": name,
                "class": self.class_names[label],
                "label": distinct_labels(self.class_names)[label],
                "correct": rank == 0,
                "rank": rank + 1,
                "predictions": predictions(classes, probabilities, self.class_names),
            }


def most_probable(probabilities: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `top` most probable classes of each image, most probable first, and their probabilities.

    Of equal probabilities the lower index comes first. If there are fewer classes, all are returned.
    """
    classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return classes, np.take_along_axis(probabilities, classes, axis=1)


def predictions(classes: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Describe classes: `class`, the name; `label`, the name in words; and `probability`."""
    labels = distinct_labels(class_names)
    return [
        {"class": class_names[index], "label": labels[index], "probability": float(probability)}
        for index, probability in zip(classes, probabilities, strict=True)
    ]


def from_ranks(ranks: np.ndarray, crops: int = 1) -> Evaluation:
    """Count errors from the ranks `(N,)` of the true classes, as `rank` returns them."""
    return Evaluation(float((ranks >= 1).mean()), float((ranks >= 5).mean()), len(ranks), crops)


def rank(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the classes that are predicted before the true one.

    Of equal probabilities the lower index comes first. NaN comes before everything, so a broken model is always wrong.

    Returns:
        `(B,)` integers; 0 if the true class is the most probable one.
    """
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    lower_index = np.arange(probabilities.shape[1]) < labels[:, None]
    ahead = ~(probabilities <= true) | (probabilities == true) & lower_index
    return ahead.sum(axis=1)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count images: `(classes, classes)` integers, a row for each true class, a column for each predicted class."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
