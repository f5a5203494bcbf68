"""The most probable classes of image files, of encoded images and of arrays."""

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_keras.data.compiled_resize import rescaled_crop
from alexnet_keras.data.crop_windows import center_corner
from alexnet_keras.data.image_arrays import decode_array
from alexnet_keras.inference.evaluation import most_probable, predictions
from alexnet_keras.inference.image_arguments import STANDARD_INPUT
from alexnet_keras.inference.predictor import BATCH_SIZE, DEFAULT_PREPARATION, ImagePreparation, Predictor
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import IMAGE_BYTES, read_bytes
from alexnet_keras.system.progress import Progress

COMPILED = 500  # so many images are worth the second in which `rescaled_crop` imports Numba and compiles its loops

Image = Any  # a `Path`, the `bytes` of an image file, or `(height, width, 3)` uint8 RGB, 0..255


def read_image(image: Image, input_size: int, preparation: ImagePreparation = DEFAULT_PREPARATION) -> np.ndarray:
    """Read the centre crop of an image, as evaluation crops it."""
    with native_stderr.silenced():  # the JPEG library prints what it finds, without the name of the image
        return _read(image, input_size, preparation)


def _read(image: Image, input_size: int, preparation: ImagePreparation, compiled: bool = False) -> np.ndarray:
    if isinstance(image, Path | bytes):
        encoded = image if isinstance(image, bytes) else read_bytes(image, IMAGE_BYTES)
        try:
            pixels = decode_array(encoded, preparation.upright)
        except ValueError as error:
            raise InputError(f"{_name(image)} {error}; replace it.") from error
    else:
        from alexnet_keras.model.pixel_check import warn_about_fractions  # imports Keras

        pixels, compiled = np.asarray(image), False
        warn_about_fractions(pixels[np.newaxis])
    corner = np.full(2, center_corner(preparation.stored_size, input_size))
    return rescaled_crop(pixels, preparation.stored_size, corner, input_size, compiled=compiled)


def _name(image: Image) -> str | None:
    return str(image) if isinstance(image, Path) else STANDARD_INPUT if isinstance(image, bytes) else None


def classify(
    predictor: Predictor, images: Sequence[Image], top: int, label: str | None = None
) -> Iterator[dict[str, Any]]:
    """Predict the most probable classes of each image, in batches, while the next images are read.

    Args:
        label: text of the progress line; `None` for no such line.

    Yields:
        A dictionary for each image, in order: `file`, its path, `-` for bytes, `None` for an array; `model`, the name
        of the predictor; `predictions`, as `evaluation.predictions` returns them. An image that cannot be used has no
        predictions, but `error`, a message that names it.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(native_stderr.silenced())
        progress = None if label is None else stack.enter_context(Progress(label, len(images)))
        crops = _crops(images, predictor.input_size, predictor.preparation)
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


def _crops(images: Sequence[Image], size: int, preparation: ImagePreparation) -> Iterator[np.ndarray | InputError]:
    """Yield the centre crop of each image, or the error of one that cannot be used; several are read at once."""

    def read(image: Image) -> np.ndarray | InputError:
        try:
            return _read(image, size, preparation, compiled=len(images) >= COMPILED)
        except InputError as error:
            return error

    pending: deque[Future[np.ndarray | InputError]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for image in images:
                pending.append(pool.submit(read, image))
                if len(pending) == 2 * BATCH_SIZE:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
