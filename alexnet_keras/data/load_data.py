"""The public function `load_data`: a data set ready for `model.fit`."""

import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from alexnet_keras.config.ranges import BatchSize, Index, check_value
from alexnet_keras.config.training import PCA_NOISES, SHAPES, STORED_SIZE, CropArea, DataSource
from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.data.pipeline import eval_dataset, steps_per_epoch, train_dataset
from alexnet_keras.data.reading import color_statistics, in_memory
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import OptionError


def load_data(
    source: str | Path = SHAPES,
    *,
    batch_size: int = 128,
    input_size: int = 227,
    seed: int = 0,
    pca_noise: str | None = None,
    min_crop_area: float | None = None,
    validation_split: float | None = None,
    fold: str | None = None,
    split_seed: int = 0,
    columns: str | None = None,
    upright: bool = True,
    stored_size: int = STORED_SIZE,
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Open a data set for `model.fit`: augmented batches for training and centre crops for validation.

    Each split is decoded into memory first if it fits there. A training image gets a random crop and a random flip.

    Args:
        source: `"shapes"`; `"imagenet"`; a folder `<root>/<class>/...` or `<root>/{train,val}/<class>/...`; a table of
            images (.csv); a folder that `alexnet-keras data prepare` wrote; or the name of a TFDS data set, which is
            downloaded if necessary. A warning says how many files of a folder are no images.
        batch_size: images in a batch, 1 to 65,536; the last batch of an epoch may be smaller.
        input_size: side of the crops in pixels, 1 to `stored_size`.
        seed: random seed for shuffling and augmentation. Each pass over the training batches draws a new order.
        pca_noise: PCA colour augmentation of the training images: `"paper"` (section 4.1), `"original"` (the code of
            2012) or `None`. `data.pca_noise.noise_of` documents the formulas.
        min_crop_area: the smallest fraction of the area of an image that a random crop covers before it is resized to
            `input_size`, from 0.01 to less than 1; `None` for crops of `input_size` pixels.
        validation_split: fraction of each class for validation, of a folder or table without a split; `None` for 0.2.
        fold: instead of a fraction, one of k equal parts of each class, such as `"2/5"`.
        split_seed: random seed of this division, which does not depend on `seed`.
        columns: the columns of a table, such as `"file=photo,label=species,split=none"`; `None` for the usual names.
        upright: whether images are turned as their EXIF orientation says. A folder of shards keeps its images.
        stored_size: side in pixels to which every image is resized before it is cropped, 32 to 256.

    Returns:
        Two `tf.data.Dataset`s, for training and validation. Each yields images, `(B, input_size, input_size, 3)` uint8
        RGB, 0..255, with labels, `(B,)` int64, 0..classes - 1. With `pca_noise`, training images are float32 and go a
        little beyond 0..255. Both data sets have two more attributes. `class_names` is a tuple of names in the order of
        the labels, in which synsets of ImageNet have their words (`tench` for `n01440764`). `mean` is the mean colour
        of up to 10,000 training images, RGB from 0 to 255, for the argument `mean` of `AlexNet`.

    Raises:
        OptionError: there is no such data set, or an argument is out of its range.
        InputError: the data set is damaged or incomplete, or an image cannot be read.
    """
    check_value("`batch_size`", BatchSize, batch_size)
    check_value("`seed`", Index, seed)
    if not 1 <= input_size <= stored_size:
        raise OptionError(f"`input_size` must be 1 to {stored_size}, got {input_size}.")
    if pca_noise not in (None, *PCA_NOISES):
        raise OptionError(f"`pca_noise` must be None or one of {', '.join(PCA_NOISES)}, got {pca_noise!r}.")
    check_value("`min_crop_area`", CropArea | None, min_crop_area)
    division: dict[str, Any] = {"validation_split": validation_split, "fold": fold, "split_seed": split_seed}
    options: dict[str, Any] = {"columns": columns, "upright": upright, "stored_size": stored_size}
    dataset = open_dataset(DataSource(name=str(source), **division, **options))
    training = in_memory(dataset.train, f"{dataset.name} for training")
    held_out = in_memory(dataset.validation, f"{dataset.name} for validation")
    ignored = dataset.ignored_files()
    if ignored:
        warnings.warn(f"{dataset.name}: {ignored}.", stacklevel=2)
    colors = dataset.statistics or color_statistics(training)
    noise = noise_of(pca_noise, colors) if pca_noise else None
    epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    train = train_dataset(
        training,
        input_size=input_size,
        batch_size=batch_size,
        epochs=epochs,
        seed=seed,
        noise=noise,
        min_crop_area=min_crop_area,
    )
    train = train.apply(tf.data.experimental.assert_cardinality(steps_per_epoch(len(training), batch_size)))
    validation = eval_dataset(held_out, input_size=input_size, batch_size=batch_size)
    for batches in (train, validation):
        batches.class_names = distinct_labels(dataset.class_names)  # as keras.utils.image_dataset_from_directory does
        batches.mean = colors.mean
    return train, validation
