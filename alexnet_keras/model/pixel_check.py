"""Notice images whose pixels are from 0 to 1, which look black to a network that takes 0 to 255."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

MOST_IMAGES = 16  # of the first batch


def watch_pixels(model: keras.Model) -> keras.Model:
    """Make `fit`, `evaluate` and `predict` of a model warn if the pixels of the first batch are from 0 to 1.

    They look at arrays, tensors, `tf.data` data sets and `keras.utils.PyDataset`, but not at generators, which give
    each batch only once.
    """
    for name in ("fit", "evaluate", "predict"):
        setattr(model, name, _watching(getattr(model, name)))
    return model


def warn_about_fractions(images: Any) -> None:
    """Warn if the numbers of an array or tensor `(B, ...)` are floating point from 0 to 1, or from -1 to 1."""
    if "float" not in str(getattr(images, "dtype", "")) or not len(images):
        return
    sample = np.asarray(keras.ops.convert_to_numpy(images[:MOST_IMAGES]), np.float32)
    lowest, highest = float(sample.min()), float(sample.max())
    if -1 <= lowest < highest <= 1:
        warnings.warn(
            f"The images have pixels from {lowest:.2g} to {highest:.2g}, but an AlexNet of this package takes 0 to 255 "
            "and subtracts the mean itself; do not divide the pixels by 255.",
            stacklevel=3,
        )


def _watching(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def watched(x: Any = None, *args: Any, **kwargs: Any) -> Any:
        if hasattr(x, "element_spec"):
            x = _watched_dataset(x)
        elif isinstance(x, keras.utils.PyDataset):
            warn_about_fractions(_images(x[0]))
        else:
            warn_about_fractions(_images(x))
        return method(x, *args, **kwargs)

    return watched


def _images(batch: Any) -> Any:
    """The images of a batch, which may have labels and weights too."""
    return batch[0] if isinstance(batch, list | tuple) and batch else batch


def _watched_dataset(dataset: Any) -> Any:
    """A `tf.data` data set of the same elements, whose first batch is looked at when it comes."""
    import tensorflow as tf  # the data set shows that it is installed

    dtype = getattr(_images(dataset.element_spec), "dtype", tf.uint8)
    if not isinstance(dataset, tf.data.Dataset) or not dtype.is_floating:
        return dataset

    def look(images: np.ndarray) -> np.bool_:
        warn_about_fractions(images)
        return np.bool_(True)

    def first(index: tf.Tensor, batch: Any) -> Any:
        images = _images(batch)[:MOST_IMAGES]
        tf.cond(index == 0, lambda: tf.numpy_function(look, [images], tf.bool), lambda: False)
        return batch

    return dataset.enumerate().map(first)
