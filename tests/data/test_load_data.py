"""`load_data` gives batches for `fit`, whose images, classes and colours are those of the data set."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import draw_folder

from alexnet_keras.data import reading
from alexnet_keras.data.load_data import load_data
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.inference.evaluate import check_classes
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


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
        ({"batch_size": 0}, "`batch_size` must be 1 to 65,536, got 0."),
        ({"batch_size": 65_537}, "`batch_size` must be 1 to 65,536, got 65537."),
        ({"seed": -1}, "`seed` must be 0 to 2,147,483,647, got -1."),
        ({"input_size": 257}, "`input_size` must be 1 to 256"),
        ({"pca_noise": "caffe"}, "`pca_noise` must be None or one of paper, original, got 'caffe'."),
    ],
)
def test_load_data_checks_its_arguments(options, message):
    with pytest.raises(OptionError, match=message):
        load_data("shapes", **options)


def test_load_data_takes_a_size(tmp_path):
    train, _ = load_data(draw_folder(tmp_path / "colours"), input_size=32, stored_size=32, batch_size=4)
    assert next(iter(train))[0].shape == (4, 32, 32, 3)


def test_load_data_resizes_crops(folder):
    options = {"input_size": 20, "stored_size": 64, "batch_size": 12}
    crops, fixed = (
        next(iter(load_data(str(folder), min_crop_area=area, **options)[0]))[0].numpy() for area in (0.5, None)
    )
    assert crops.shape == fixed.shape == (12, 20, 20, 3)
    assert crops.std() < fixed.std()  # windows of at least 45 pixels lose fine noise


def test_load_data_with_pca_noise(folder):
    train, validation = load_data(str(folder), batch_size=5, input_size=67, pca_noise="paper")
    assert next(iter(train))[0].dtype == tf.float32
    assert next(iter(validation))[0].dtype == tf.uint8  # never at test
