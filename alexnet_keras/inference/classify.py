"""The most probable classes of an image file."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode, why_refused
from alexnet_keras.inference.class_labels import readable
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import read_bytes

FILE_BYTES = 2**28  # of an image file: more than 8192 x 8192 pixels of RGB without compression


def read_image(path: Path, input_size: int) -> np.ndarray:
    """Read the centre crop of a JPEG, PNG, GIF or BMP file, as evaluation crops it.

    Returns:
        `(input_size, input_size, 3)` uint8 RGB, 0..255.

    Raises:
        InputError: the file cannot be read, is no regular file, is too large, is no image, or is truncated.
    """
    encoded = read_bytes(path, FILE_BYTES)
    with native_stderr.silenced():  # the JPEG library prints what it finds, without the name of the image
        try:
            image = decode(tf.constant(encoded))
        except tf.errors.OpError as error:
            raise InputError(f"{path} {why_refused(encoded)}; replace it.") from error
    return image_ops.centre_crop(image_ops.resize_and_crop(image), input_size).numpy()


def most_probable(probabilities: np.ndarray, class_names: tuple[str, ...], top: int) -> list[dict[str, Any]]:
    """The `top` most probable classes, most probable first; of equal probabilities the lower index comes first.

    Args:
        probabilities: `(classes,)`.
        class_names: one name for each probability.
        top: how many classes to return; all of them if there are fewer.

    Returns:
        A dictionary for each class: `class`, its name; `label`, its readable name; `probability`, a float.
    """
    return [
        {"class": class_names[i], "label": readable(class_names[i]), "probability": float(probabilities[i])}
        for i in np.argsort(-probabilities, kind="stable")[:top]
    ]


def classify(predictor: Predictor, path: Path, top: int) -> dict[str, Any]:
    """Predict the most probable classes of an image file.

    Returns:
        `file`, the path, and `predictions`, as `most_probable` returns them.

    Raises:
        InputError: the file cannot be read, is no image, or is truncated.
        RunError: the model returns numbers that are no probabilities.
    """
    (probabilities,) = predictor.predict(read_image(path, predictor.input_size)[None])
    return {"file": str(path), "predictions": most_probable(probabilities, predictor.class_names, top)}
