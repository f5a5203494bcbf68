"""One pass over a split yields each image once and counts it."""

import numpy as np

from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.figures import one_pass, units


def test_batches_are_centre_crops_with_what_the_call_returns_for_them(folder, crops, monkeypatch):
    monkeypatch.setattr(one_pass, "BATCH_SIZE", 4)
    split = open_dataset(str(folder)).validation
    means = crops.mean(axis=(1, 2))
    found = list(one_pass.outputs(split, 67, lambda batch: batch.mean(axis=(1, 2)), "Computing means"))
    assert [len(images) for images, _ in found] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), crops)
    np.testing.assert_array_equal(np.concatenate([outputs for _, outputs in found]), means)
    np.testing.assert_array_equal(one_pass.crops(split, [8, 0], 67), crops[[8, 0]])


def test_a_progress_line_is_counted_in_images(network, folder, monkeypatch):
    totals = []

    class Counter(one_pass.Progress):
        def close(self):
            totals.append(self.done)
            super().close()

    monkeypatch.setattr(one_pass, "Progress", Counter)
    units.patches(network, str(folder), "conv5", 0)
    assert totals == [9]
