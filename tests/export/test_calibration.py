"""Calibration sees equally many images of each class, in whole batches, with the whole range of pixels."""

import numpy as np
import pytest

from alexnet_keras.data import pipeline
from alexnet_keras.data.dataset import DataSet, Split, take
from alexnet_keras.export.calibration import FEWEST, IMAGES, batches, calibration_images
from alexnet_keras.system.errors import InputError


def labelled(labels):
    """A data set whose images cannot be read, since they are only chosen."""
    split = Split([""] * len(labels), np.array(labels), read=lambda index: pytest.fail("an image was read"))
    return DataSet("labelled", ("a", "b", "c", "d"), lambda name: split)


@pytest.mark.parametrize("labels", [np.repeat(range(4), 350), np.tile(range(4), 350)], ids=["sorted", "in turn"])
def test_of_many_images_equally_many_of_each_class_are_chosen(labels):
    chosen = calibration_images(labelled(labels))
    assert np.bincount(chosen.labels).tolist() == [IMAGES // 4] * 4


def test_all_of_few_images_are_chosen_and_fewer_are_refused():
    assert len(calibration_images(labelled([0] * FEWEST))) == FEWEST
    message = "labelled has 19 training images, but calibration needs at least 20; choose a larger data set"
    with pytest.raises(InputError, match=message):
        calibration_images(labelled([0] * (FEWEST - 1)))


def test_the_last_batch_is_filled_and_the_first_has_the_whole_range(dataset):
    images = take(dataset.train, np.arange(5))
    ((crops, _),) = pipeline.eval_dataset(images, input_size=67, batch_size=5).as_numpy_iterator()
    found = list(batches(images, 67, batch_size=3))
    assert [(batch.shape, batch.dtype) for batch in found] == [((3, 67, 67, 3), np.float32)] * 2
    assert found[0][0, 0, :2, 0].tolist() == [0, 255]
    found[0][0, 0, :2, 0] = crops[0, 0, :2, 0]
    np.testing.assert_array_equal(np.concatenate(found), crops[[0, 1, 2, 3, 4, 3]])
