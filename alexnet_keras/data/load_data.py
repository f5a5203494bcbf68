"""data.load_data."""

import tensorflow as tf

from alexnet_keras.config.training import PCA_NOISES, STORED_SIZE
from alexnet_keras.data import augmentation
from alexnet_keras.data.pipeline import eval_dataset, steps_per_epoch, train_dataset
from alexnet_keras.data.reading import color_statistics, in_memory
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import OptionError


def load_data(
    source: str = "shapes",
    *,
    batch_size: int = 128,
    input_size: int = 227,
    seed: int = 0,
    pca_noise: str | None = None,
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """A data set for `model.fit`: augmented training batches and central crops for validation.

    Args:
        source: `"shapes"`, a folder `<root>/{train,val}/<class>/*.{JPEG,jpg,png}`, or the name of a TFDS data set.
        batch_size: images a batch; the last batch of an epoch may be smaller.
        input_size: side of the crops in pixels, at most 256.
        seed: of order and augmentation; every iteration over the training batches draws both anew.
        pca_noise: `"paper"`, `"original"` (`augmentation.pca_noise` has the arithmetic) or `None` for none.

    Returns:
        Training and validation batches: `(B, input_size, input_size, 3)` uint8, 0..255, with `(B,)` int64 labels; with
        colour noise, training images are float32. Both have an attribute `class_names`.

    Raises:
        OptionError: there is no such data set, or a number is out of its range.
        InputError: the data set cannot be trained on.
    """
    if batch_size < 1:
        raise OptionError(f"batch_size must be at least 1, got {batch_size}.")
    if not 1 <= input_size <= STORED_SIZE:
        raise OptionError(f"input_size must be 1 to {STORED_SIZE}, got {input_size}.")
    if pca_noise not in (None, *PCA_NOISES):
        raise OptionError(f"pca_noise must be None or one of {', '.join(PCA_NOISES)}, got {pca_noise!r}.")
    dataset = open_dataset(source)
    train_split = in_memory(dataset.train, f"{dataset.name} for training")
    validation_split = in_memory(dataset.validation, f"{dataset.name} for validation")
    noise = None
    if pca_noise:
        noise = augmentation.pca_noise(pca_noise, dataset.statistics or color_statistics(train_split))
    epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    train = train_dataset(
        train_split,
        input_size=input_size,
        batch_size=batch_size,
        epochs=epochs,
        seed=seed,
        noise=noise,
    )
    train = train.apply(tf.data.experimental.assert_cardinality(steps_per_epoch(len(train_split), batch_size)))
    validation = eval_dataset(validation_split, input_size=input_size, batch_size=batch_size)
    train.class_names = validation.class_names = dataset.class_names  # as keras.utils.image_dataset_from_directory does
    return train, validation
