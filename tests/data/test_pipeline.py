"""Batches: every image once, the same for the same seed, whatever threads and hosts make them."""

import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import ImageForm, Split, split_in_memory
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.data.sources.open_dataset import open_dataset

COUNT = 10  # images of the fixture `split`


def batches(split, epochs=1, seed=0, batch_size=4, **options):
    numbers = tf.data.Dataset.range(epochs)
    dataset = pipeline.train_dataset(split, input_size=200, batch_size=batch_size, epochs=numbers, seed=seed, **options)
    return [(images, labels) for images, labels in dataset.as_numpy_iterator()]


def test_every_image_once_an_epoch_with_its_own_label(split):
    result = batches(split, epochs=3)
    assert [len(labels) for _, labels in result] == [4, 4, 2] * 3
    orders = []
    for epoch in range(3):
        images, labels = (np.concatenate(parts) for parts in zip(*result[3 * epoch : 3 * epoch + 3], strict=True))
        assert images.shape == (COUNT, 200, 200, 3)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
        assert sorted(labels) == list(range(COUNT))
        orders.append(tuple(labels))
    assert len(set(orders)) == 3


def test_a_seed_is_an_order_and_an_augmentation():
    random = np.random.RandomState(0).randint(0, 256, (COUNT, 256, 256, 3), dtype=np.uint8)
    split = split_in_memory([""] * COUNT, np.arange(COUNT), random)
    first, again, other = batches(split, seed=1), batches(split, seed=1), batches(split, seed=2)
    for (images, labels), (same_images, same_labels) in zip(first, again, strict=True):
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(labels, same_labels)
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))

    one, two = (np.concatenate([images for images, _ in result]) for result in (first, batches(split, 2, seed=1)[3:]))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("source", ["held", "encoded", "jpeg by batch"])
def test_threads_change_nothing(source, folder):
    split = open_dataset(str(folder)).train
    if source == "held":
        split = reading.in_memory(split, "colours")
    if source == "jpeg by batch":
        stored = tf.stack(
            [tf.io.encode_jpeg(split.pixels(tf.constant(i, tf.int64)), quality=95) for i in range(len(split))]
        )
        split = Split(
            split.names,
            split.labels,
            stored.__getitem__,
            lambda indices: tf.gather(stored, indices),
            ImageForm.STORED_JPEG,
        )
    noise = noise_of("original", reading.color_statistics(split))
    dataset = pipeline.train_dataset(
        split, input_size=200, batch_size=5, epochs=tf.data.Dataset.range(2), seed=4, noise=noise
    )
    results = []
    for threads in (1, 2, 7):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.autotune.enabled = threads != 7
        results.append(list(dataset.with_options(options).as_numpy_iterator()))
    assert [len(labels) for _, labels in results[0]] == [5, 5, 2] * 2
    for other in results[1:]:
        for (images, labels), (same_images, same_labels) in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(images, same_images)
            np.testing.assert_array_equal(labels, same_labels)


def test_steps_cut_an_epoch_short(split):
    assert [len(labels) for _, labels in batches(split, epochs=2, steps=1)] == [4, 4]


def test_an_epoch_can_be_entered_at_any_step(split):
    whole = batches(split, epochs=2)
    for first_step in range(4):
        entered = batches(split, epochs=2, first_step=first_step)
        assert len(entered) == len(whole) - first_step
        for (images, labels), (same_images, same_labels) in zip(entered, whole[first_step:], strict=True):
            np.testing.assert_array_equal(images, same_images)
            np.testing.assert_array_equal(labels, same_labels)


@pytest.mark.parametrize("steps", [-1, 2])
def test_hosts_share_every_batch(split, steps):
    whole = batches(split, epochs=2, batch_size=3, steps=steps)  # the last batch has one image, for the first host
    shares = [
        batches(split, 2, batch_size=3, steps=steps, worker_index=host, num_workers=3, first_step=1)
        for host in range(3)
    ]
    for parts, (images, labels) in zip(zip(*shares, strict=True), whole[1:], strict=True):
        order = np.argsort(np.concatenate([part_labels for _, part_labels in parts]))
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts])[order], np.sort(labels))
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts])[order], images[np.argsort(labels)])


def test_evaluation_takes_central_crops_in_order(split):
    dataset = pipeline.eval_dataset(split, input_size=227, batch_size=3)
    images, labels = (np.concatenate(parts) for parts in zip(*dataset.as_numpy_iterator(), strict=True))
    assert images.shape == (COUNT, 227, 227, 3)
    np.testing.assert_array_equal(labels, np.arange(COUNT))
    np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


def test_hosts_share_the_evaluation(split):
    """Ten images in batches of three: the last batch has one, and two of three hosts have none of it."""
    shares = [
        list(
            pipeline.eval_dataset(
                split, input_size=9, batch_size=3, worker_index=host, num_workers=3
            ).as_numpy_iterator()
        )
        for host in range(3)
    ]
    assert [[len(labels) for _, labels in share] for share in shares] == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert sorted(label for share in shares for _, labels in share for label in labels) == list(range(COUNT))
    for images, labels in (batch for share in shares for batch in share):
        assert images.shape == (len(labels), 9, 9, 3)
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


def test_pipelines_are_not_tuned_since_their_end_would_wait_for_the_tuner(tmp_path):
    split = open_dataset(str(draw_folder(tmp_path / "colours"))).train
    epochs = tf.data.Dataset.range(1)
    for dataset in (
        pipeline.train_dataset(split, input_size=67, batch_size=4, epochs=epochs, seed=0),
        pipeline.eval_dataset(split, input_size=67, batch_size=4),
        *load_data(str(tmp_path / "colours"), input_size=67, batch_size=4),
    ):
        assert dataset.options().autotune.enabled is False
