"""Batches: every image once, the same for the same seed, bad images named."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder

from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import Split, Stage, split_in_memory
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.inference.evaluate import check_classes
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError

COUNT = 10


@pytest.fixture
def split() -> Split:
    """Ten images; an image's colour is its index, its first row and column of pixels are marked."""
    pictures = np.repeat(np.arange(COUNT, dtype=np.uint8), 256 * 256 * 3).reshape(COUNT, 256, 256, 3)
    return split_in_memory([str(i) for i in range(COUNT)], np.arange(COUNT), pictures)


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
            split.names, split.labels, stored.__getitem__, lambda indices: tf.gather(stored, indices), Stage.STORED_JPEG
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


def test_a_batch_that_cannot_be_shared_out(split):
    with pytest.raises(OptionError, match="`batch_size` 4 cannot be divided among 3 workers; choose a multiple of 3."):
        batches(split, worker_index=0, num_workers=3)


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


def test_memory_holds_the_same_images(folder):
    split = open_dataset(str(folder)).train
    held = reading.in_memory(split, "colours")
    assert held.stage is Stage.DECODED
    for index in range(len(split)):
        place = tf.constant(index, tf.int64)
        np.testing.assert_array_equal(held.pixels(place), split.pixels(place))
    assert reading.in_memory(held, "colours") is held


def test_a_set_too_large_for_memory_stays_on_disk(folder, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    split = open_dataset(str(folder)).train
    assert reading.in_memory(split, "colours") is split


def test_color_statistics_are_mean_and_covariance(folder):
    split = reading.in_memory(open_dataset(str(folder)).train, "colours")
    pictures = np.stack([split.pixels(tf.constant(index, tf.int64)) for index in range(len(split))])
    statistics = reading.color_statistics(split)
    np.testing.assert_allclose(statistics.mean, pictures.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(statistics.covariance, np.cov(pictures.reshape(-1, 3).T.astype(float), bias=True))


def test_colors_of_a_large_set_are_those_of_a_sample(split, monkeypatch):
    monkeypatch.setattr(reading, "COLOR_SAMPLE", 4)
    assert reading.color_statistics(split).mean == (4.5, 4.5, 4.5)  # images 0, 3, 6 and 9


def truncated(path):
    path.write_bytes(path.read_bytes()[:300])
    return "is not a complete JPEG, PNG, GIF, BMP or WebP image; replace or remove it"


def text(path):
    path.write_text("this is no image")
    return "is not a complete JPEG, PNG, GIF, BMP or WebP image"


def empty(path):
    path.write_bytes(b"")
    return "is empty"


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere.jpg")
    return "cannot be read from the disk"


@pytest.mark.parametrize("damage", [truncated, text, empty, dangling])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_bad_image_is_named(damage, in_memory, tmp_path):
    root = draw_folder(tmp_path / "d")
    message = damage(root / "train" / "green" / "0.jpg")
    split = open_dataset(str(root)).train
    with pytest.raises(InputError, match=f"train/green/0.jpg {message}"):  # noqa: PT012  # one of two ways to read
        if in_memory:
            reading.in_memory(split, "colours")
        else:
            with reading.naming_unreadable(split):
                batches(dataclasses.replace(split))


def test_errors_of_other_causes_pass_through(split):
    with pytest.raises(tf.errors.InvalidArgumentError, match="mine"), reading.naming_unreadable(split):
        raise tf.errors.InvalidArgumentError(None, None, "mine")


def test_load_data_feeds_fit(folder, tiny):
    train, validation = load_data(str(folder), batch_size=5, input_size=67)
    assert train.class_names == validation.class_names == ("blue", "green", "red")
    assert train.mean == validation.mean == reading.color_statistics(open_dataset(str(folder)).train).mean
    assert int(train.cardinality()) == 3
    orders = {tuple(np.concatenate([labels for _, labels in train.as_numpy_iterator()])) for _ in range(4)}
    assert len(orders) == 4  # a new order each time
    model = AlexNet(dataclasses.replace(tiny, towers=1), classes=3, input_shape=(67, 67, 3))
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=validation, epochs=2, verbose=0).history
    assert len(history["val_accuracy"]) == 2


def test_synsets_have_words_in_load_data_and_the_model_knows_the_data_again(tmp_path, tiny):
    root = draw_folder(tmp_path / "photographs")
    for synset, color in (("n01440764", "blue"), ("n02979186", "green"), ("n03000684", "red")):
        for found in sorted(root.rglob(color)):
            found.rename(found.with_name(synset))
    train, _ = load_data(root, batch_size=5, input_size=67)
    assert train.class_names == ("tench", "cassette player", "chain saw")
    model = AlexNet(tiny, classes=3, class_names=train.class_names, mean=train.mean, input_shape=(67, 67, 3))
    assert model.get_layer("mean").mean == train.mean
    check_classes(from_keras(model), open_dataset(str(root)))  # which has the synsets
    with pytest.raises(InputError, match=r"has 3 classes \(tench, cassette player, chain saw\), but shapes has 10"):
        check_classes(from_keras(model), open_dataset("shapes"))


def test_load_data_draws_by_its_seed(folder):
    first, again, other = (
        [tuple(labels) for _, labels in load_data(str(folder), batch_size=12, seed=seed)[0].as_numpy_iterator()]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_load_data_divides_a_table_by_its_columns_and_split_seed(tmp_path):
    folder = draw_folder(tmp_path / "colours")
    rows = [f"{path.relative_to(folder)},{path.parent.name},test" for path in sorted(folder.rglob("*.png"))]
    (folder / "table.csv").write_text("\n".join(["photo,colour,split", *rows]))
    options = {"columns": "file=photo,label=colour,split=none", "batch_size": 99, "input_size": 67}
    divisions = [load_data(folder / "table.csv", split_seed=seed, **options)[1] for seed in (0, 0, 1)]
    first, again, other = (next(images.as_numpy_iterator())[0] for images in divisions)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"input_size": 257}, "`input_size` must be 1 to 256"),
    ],
)
def test_load_data_checks_its_numbers(options, message):
    with pytest.raises(OptionError, match=message):
        load_data("shapes", **options)


def test_pipelines_are_not_tuned_since_their_end_would_wait_for_the_tuner(tmp_path):
    split = open_dataset(str(draw_folder(tmp_path / "colours"))).train
    epochs = tf.data.Dataset.range(1)
    for dataset in (
        pipeline.train_dataset(split, input_size=67, batch_size=4, epochs=epochs, seed=0),
        pipeline.eval_dataset(split, input_size=67, batch_size=4),
        *load_data(str(tmp_path / "colours"), input_size=67, batch_size=4),
    ):
        assert dataset.options().autotune.enabled is False
