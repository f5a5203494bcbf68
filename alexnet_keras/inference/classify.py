"""The most probable classes of image files, of encoded images and of arrays."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.data import image_ops
from alexnet_keras.data.dataset import Stream
from alexnet_keras.data.decode import decode, why_refused
from alexnet_keras.data.shards.convert import in_threads
from alexnet_keras.inference.evaluation import most_probable, predictions
from alexnet_keras.inference.image_arguments import STANDARD_INPUT
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.model.pixel_check import warn_about_fractions
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import IMAGE_BYTES, check_regular, read_bytes
from alexnet_keras.system.progress import Progress

BATCH_SIZE = 64  # images in one call of the predictor
THREADED = 16  # so many images are worth tracing a pipeline
COMPILED = 1_000  # so many images are worth the second in which `crop_encoded` compiles its loops

Image = Any  # a `Path`, the `bytes` of an image file, or `(height, width, 3)` uint8 RGB, 0..255


def read_image(image: Image, input_size: int, upright: bool = True, stored_size: int = STORED_SIZE) -> np.ndarray:
    """Read the centre crop of an image, as evaluation crops it.

    Args:
        image: a file or the bytes of a file that `decode` reads, or decoded pixels.
        input_size: side of the crop in pixels.
        upright: as in `decode`.
        stored_size: side in pixels to which the image is resized before it is cropped.

    Returns:
        `(input_size, input_size, 3)` uint8 RGB, 0..255.

    Raises:
        InputError: the file cannot be read, is no regular file, is too large, is no image, or is truncated.
    """
    if isinstance(image, Path | bytes):
        encoded = image if isinstance(image, bytes) else read_bytes(image, IMAGE_BYTES)
        with native_stderr.silenced():  # the JPEG library prints what it finds, without the name of the image
            try:
                image = decode(tf.constant(encoded), upright)
            except tf.errors.OpError as error:
                raise InputError(f"{_name(image)} {why_refused(encoded)}; replace it.") from error
    else:
        warn_about_fractions(np.asarray(image)[np.newaxis])
    return image_ops.centre_crop(image_ops.resize_and_crop(image, stored_size), input_size).numpy()


def _name(image: Image) -> str | None:
    return str(image) if isinstance(image, Path) else STANDARD_INPUT if isinstance(image, bytes) else None


def classify(
    predictor: Predictor, images: Sequence[Image], top: int, label: str | None = None
) -> Iterator[dict[str, Any]]:
    """Predict the most probable classes of each image, in batches, while the next images are read.

    Args:
        predictor: a model of any format.
        images: the images, in memory only if they are bytes or arrays.
        top: number of classes for each image; all classes if there are fewer.
        label: text of the progress line; `None` for no such line.

    Yields:
        A dictionary for each image, in order: `file`, its path, `-` for bytes, `None` for an array; `model`, the name
        of the predictor; `predictions`, as `evaluation.predictions` returns them. An image that cannot be used has no
        predictions, but `error`, a message that names it.

    Raises:
        RunError: the model returns numbers that are no probabilities.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(native_stderr.silenced())
        progress = None if label is None else stack.enter_context(Progress(label, len(images)))
        crops = _crops(images, predictor.input_size, predictor.upright, predictor.stored_size)
        for start in range(0, len(images), BATCH_SIZE):
            batch = images[start : start + BATCH_SIZE]
            found = list(itertools.islice(crops, len(batch)))
            usable = [crop for crop in found if not isinstance(crop, InputError)]
            if usable:
                answers = zip(*most_probable(predictor.predict(np.stack(usable)), top), strict=True)
            for image, crop in zip(batch, found, strict=True):
                row: dict[str, Any] = {"file": _name(image), "model": predictor.name, "predictions": []}
                if isinstance(crop, InputError):
                    yield {**row, "error": str(crop)}
                else:
                    yield {**row, "predictions": predictions(*next(answers), predictor.class_names)}
            if progress:
                progress.advance(len(batch))


def _crops(images: Sequence[Image], size: int, upright: bool, stored_size: int) -> Iterator[np.ndarray | InputError]:
    """Yield the centre crop of each image, or the error of one that cannot be used."""
    files = [image for image in images if isinstance(image, Path)]
    loaded: Iterator[Any] = itertools.repeat(None)
    if len(files) >= THREADED:
        load = _loader(files, size, upright, stored_size)
        stream = Stream(len(files), lambda index: str(files[index]), tf.data.Dataset.range, load)
        loaded = in_threads(stream, stream.read, 0, len(files), os.cpu_count() or 1, ready=2 * BATCH_SIZE)
    for image in images:
        crop = next(loaded) if isinstance(image, Path) else None
        try:  # a file that could not be read is read again, which tells the reason
            yield read_image(image, size, upright, stored_size) if crop is None else crop[0]
        except InputError as error:
            yield error


def _loader(files: Sequence[Path], size: int, upright: bool, stored_size: int) -> Callable[..., Any]:
    """Return a function for tf.data from the index of a file to its centre crop."""
    names = tf.constant([os.fsencode(file) if _is_usable(file) else b"" for file in files])
    compiled = len(files) >= COMPILED

    def load(index: tf.Tensor) -> tuple[tf.Tensor]:
        encoded = tf.io.read_file(names[index])
        if compiled:
            corner = tf.fill((2,), (stored_size - size) // 2)
            return (image_ops.crop_encoded(encoded, corner, tf.constant(False), size, upright, stored_size),)
        return (image_ops.centre_crop(image_ops.resize_and_crop(decode(encoded, upright), stored_size), size),)

    return load


def _is_usable(file: Path) -> bool:
    """Whether a file may be opened: not a pipe or a device, which may have no end."""
    try:
        check_regular(file, IMAGE_BYTES)
    except InputError:
        return False
    return True
