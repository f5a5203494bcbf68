"""The parity check: an export must give the probabilities and the errors of its Keras model."""

import statistics
import time
from dataclasses import dataclass

import numpy as np

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import Split, sample
from alexnet_keras.inference.evaluation import from_ranks, rank
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.columns import TOP5_VAL_ERROR, VAL_ERROR
from alexnet_keras.system.progress import Progress

NUM_IMAGES = 500  # images to compare on; all of them if a split has fewer
REPETITIONS = {1: 20, 32: 3}  # images in one call -> timed calls, of which the median counts


@dataclass(frozen=True)
class Bounds:
    """The largest differences that an export may have from its Keras model.

    Attributes:
        equal_top1: lower bound of the fraction of images with equal top-1, the same most probable class.
        error_increase: upper bound of the increase of the top-1 and of the top-5 error, as fractions.
    """

    largest_difference: float = 1.0
    equal_top1: float = 0.0
    error_increase: float = 1.0


BOUNDS = {
    "none": Bounds(largest_difference=1e-4, equal_top1=0.999),
    "float16": Bounds(equal_top1=0.995),
    "dynamic": Bounds(equal_top1=0.98, error_increase=0.01),
    "int8": Bounds(equal_top1=0.98, error_increase=0.01),
    "int8-only": Bounds(error_increase=0.02),
}


@dataclass(frozen=True)
class Measurement:
    """Errors and speed of one of the two models.

    Attributes:
        top1_error, top5_error: `None` if the images have other classes than the models.
        milliseconds: median time for one image.
        images_per_second: median for 32 images in one call, which a file with a fixed batch size divides.
    """

    top1_error: float | None
    top5_error: float | None
    milliseconds: float
    images_per_second: float


@dataclass(frozen=True)
class Parity:
    """The result of a parity check.

    Attributes:
        top1_agreement: fraction of images with equal top-1, the same most probable class.
    """

    num_images: int
    max_abs_difference: float
    top1_agreement: float
    keras: Measurement
    exported: Measurement
    equal_class_names: bool = True

    def shortcomings(self, bounds: Bounds) -> list[str]:
        """Describe each measurement that is out of bounds; the list is empty if the export passes the check."""
        found = [] if self.equal_class_names else ["other class names than the Keras model"]
        if not self.max_abs_difference <= bounds.largest_difference:
            found.append(f"largest difference {self.max_abs_difference:.2g}, above {bounds.largest_difference:.2g}")
        if self.top1_agreement < bounds.equal_top1:
            found.append(f"equal top-1 {self.top1_agreement:.2%}, below {bounds.equal_top1:.1%}")
        for name, label in (("top1_error", VAL_ERROR), ("top5_error", TOP5_VAL_ERROR)):
            exported, keras = getattr(self.exported, name), getattr(self.keras, name)
            if exported is None or keras is None:
                continue
            if exported - keras > bounds.error_increase + 1e-9:  # rounding; the errors of whole images differ by more
                found.append(f"{label} {exported:.2%} instead of {keras:.2%}, over {bounds.error_increase:.0%} more")
        return found


def check_parity(keras: Predictor, exported: Predictor, split: Split, own_classes: bool = True) -> Parity:
    """Compare two predictors on up to 500 images of a split, of each class in proportion.

    The errors are measured only if the images have the classes of the predictors.
    """
    sampled = sample(split, NUM_IMAGES)
    batches = pipeline.eval_dataset(sampled, input_size=keras.input_size, batch_size=32)
    pairs = []
    with Progress("Checking parity", len(sampled)) as progress, reading.naming_unreadable(sampled):
        for images, _ in batches.as_numpy_iterator():
            pairs.append((keras.predict(images), exported.predict(images)))
            progress.advance(len(images))
    labels = sampled.labels if own_classes else None
    expected, found = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return Parity(
        len(sampled),
        float(np.abs(expected - found).max()),
        float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        keras=_measure(keras, expected, labels, images),
        exported=_measure(exported, found, labels, images),
        equal_class_names=keras.class_names == exported.class_names,
    )


def _measure(
    predictor: Predictor, probabilities: np.ndarray, labels: np.ndarray | None, images: np.ndarray
) -> Measurement:
    errors = None if labels is None else from_ranks(rank(probabilities, labels))
    top1, top5 = (None, None) if errors is None else (errors.top1_error, errors.top5_error)
    seconds = {}
    for size, repetitions in REPETITIONS.items():
        batch = np.resize(images, (size, *images.shape[1:]))
        predictor.predict(batch)  # the first call also compiles and allocates
        times = []
        for _ in range(repetitions):
            start = time.perf_counter()
            predictor.predict(batch)
            times.append(time.perf_counter() - start)
        seconds[size] = statistics.median(times)
    return Measurement(top1, top5, 1000 * seconds[1], 32 / seconds[32])
