"""Pictures that tell the range of each layer's activations."""

from collections.abc import Iterator

import numpy as np

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import DataSet, Split, sample
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress

IMAGES = 200  # evenly spaced over the training pictures, which are sorted by class in many data sets
FEWEST = 20  # the range of fewer pictures is chance


def training_images(dataset: DataSet) -> Split:
    """The pictures of a data set to calibrate on.

    Raises:
        InputError: there are too few.
    """
    if len(dataset.train) < FEWEST:
        raise InputError(
            f"{dataset.name} has {len(dataset.train)} training pictures, and calibration needs at least {FEWEST}; "
            "name more with --calibration."
        )
    return sample(dataset.train, IMAGES)


def batches(pictures: Split, input_size: int, batch_size: int = 1) -> Iterator[np.ndarray]:
    """`(batch_size, input_size, input_size, 3)` float32, 0..255; the last batch is filled by repetition."""
    dataset = pipeline.eval_dataset(pictures, input_size=input_size, batch_size=batch_size)
    with Progress("Calibrating", len(pictures)) as progress, reading.naming_unreadable(pictures):
        for index, (images, _) in enumerate(dataset.as_numpy_iterator()):
            batch = np.resize(images, (batch_size, *images.shape[1:])).astype(np.float32)
            if index == 0:
                batch[0, 0, :2, 0] = 0, 255  # the whole range, so that uint8 means what it does in a picture
            yield batch
            progress.advance(len(images))
