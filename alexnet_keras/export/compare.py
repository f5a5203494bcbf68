"""What an export must show before it gets its name: the errors and probabilities of its Keras model."""

import dataclasses
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import Split, sample
from alexnet_keras.inference.evaluate import from_ranks, rank
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.progress import Progress

NUM_IMAGES = 500  # pictures to compare on; all of them where a split has fewer
REPETITIONS = {1: 20, 32: 3}  # images a call -> calls whose median counts


@dataclass(frozen=True)
class Bounds:
    """How far an export may be from its Keras model.

    Attributes:
        difference: largest difference of a probability.
        agreement: smallest share of pictures with the same most probable class.
        error: by how much the top-1 and the top-5 error may be larger.
    """

    difference: float = 1.0
    agreement: float = 0.0
    error: float = 1.0


BOUNDS = {
    "none": Bounds(difference=1e-4, agreement=0.999),
    "float16": Bounds(agreement=0.995),
    "dynamic": Bounds(agreement=0.98, error=0.01),
    "int8": Bounds(agreement=0.98, error=0.01),
    "int8-only": Bounds(error=0.02),
}


@dataclass(frozen=True)
class Measurement:
    """What was measured of one of the two.

    Attributes:
        top1_error, top5_error: as fractions.
        milliseconds: for an image, one at a time; the median.
        images_per_second: 32 images at once, which a file of a fixed batch size takes in parts; from the median.
    """

    top1_error: float
    top5_error: float
    milliseconds: float
    images_per_second: float


@dataclass(frozen=True)
class Parity:
    """An export beside its Keras model, on the same pictures.

    Attributes:
        num_images: pictures that were compared.
        max_abs_difference: largest difference of a probability.
        top1_agreement: share of pictures with the same most probable class.
        keras, exported: what was measured of each.
    """

    num_images: int
    max_abs_difference: float
    top1_agreement: float
    keras: Measurement
    exported: Measurement

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def shortcomings(self, bounds: Bounds) -> list[str]:
        """What is out of bounds, in words; nothing where the export is as good as it must be."""
        found = []
        if not self.max_abs_difference <= bounds.difference:  # NaN is out of bounds too
            found.append(f"a probability differs by {self.max_abs_difference:.2g}, more than {bounds.difference:.2g}")
        if self.top1_agreement < bounds.agreement:
            found.append(
                f"{self.top1_agreement:.2%} have the same most probable class, less than {bounds.agreement:.1%}"
            )
        for name in ("top1_error", "top5_error"):
            ours, theirs = getattr(self.exported, name), getattr(self.keras, name)
            if ours - theirs > bounds.error + 1e-9:  # whole images: only rounding is that small
                label = name.replace("_", " ").replace("top", "top-")
                found.append(f"the {label} is {ours:.2%} instead of {theirs:.2%}, over {bounds.error:.0%} more")
        return found


def check_parity(keras: Predictor, exported: Predictor, split: Split) -> Parity:
    """Compare two predictors on up to 500 pictures of a split, evenly spaced."""
    pictures = sample(split, NUM_IMAGES)
    batches = pipeline.eval_dataset(pictures, input_size=keras.input_size, batch_size=32)
    probabilities: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    with Progress("Comparing with the Keras model", len(pictures)) as progress, reading.naming_unreadable(pictures):
        for images, _ in batches.as_numpy_iterator():
            probabilities[0].append(keras.predict(images))
            probabilities[1].append(exported.predict(images))
            progress.advance(len(images))
    one, other = (np.concatenate(parts) for parts in probabilities)
    return Parity(
        len(pictures),
        float(np.abs(one - other).max()),
        float((one.argmax(axis=1) == other.argmax(axis=1)).mean()),
        *(
            _measure(predictor, values, pictures.labels, images)
            for predictor, values in ((keras, one), (exported, other))
        ),
    )


def _measure(predictor: Predictor, probabilities: np.ndarray, labels: np.ndarray, images: np.ndarray) -> Measurement:
    errors = from_ranks(rank(probabilities, labels))
    seconds = {}
    for size, repetitions in REPETITIONS.items():
        batch = np.resize(images, (size, *images.shape[1:]))
        predictor.predict(batch)  # what a first call makes ready is no part of the speed
        times = []
        for _ in range(repetitions):
            start = time.perf_counter()
            predictor.predict(batch)
            times.append(time.perf_counter() - start)
        seconds[size] = statistics.median(times)
    return Measurement(errors.top1_error, errors.top5_error, 1000 * seconds[1], 32 / seconds[32])
