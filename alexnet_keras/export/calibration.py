"""Images from which 8-bit formats learn the range of each layer's activations."""

from collections.abc import Iterator

import numpy as np

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import DataSet, Split, sample
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import Progress

CALIBRATED = ("int8", "int8-only")  # the quantizations that need calibration images
IMAGES = 200  # of each class in proportion, because the images of many data sets are sorted by class
FEWEST = 20  # fewer images do not show the range of the activations


def calibration_images(dataset: DataSet) -> Split:
    """Up to 200 training images of a data set."""
    if len(dataset.train) < FEWEST:
        raise InputError(
            f"{dataset.name} has {len(dataset.train)} training images, but calibration needs at least {FEWEST}; "
            "choose a larger data set with `calibration`."
        )
    return sample(dataset.train, IMAGES)


def batches(images: Split, input_size: int, batch_size: int = 1) -> Iterator[np.ndarray]:
    """Yield centre crops `(batch_size, input_size, input_size, 3)` float32, 0..255; the last batch repeats images."""
    dataset = pipeline.eval_dataset(images, input_size=input_size, batch_size=batch_size)
    with Progress("Calibrating", len(images)) as progress, reading.naming_unreadable(images):
        for index, (crops, _) in enumerate(dataset.as_numpy_iterator()):
            batch = np.resize(crops, (batch_size, *crops.shape[1:])).astype(np.float32)
            if index == 0:
                batch[0, 0, :2, 0] = 0, 255  # with the whole range, a uint8 input gets the scale 1 and the offset 0
            yield batch
            progress.advance(len(crops))
