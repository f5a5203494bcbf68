"""inference.classify."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode, why_refused
from alexnet_keras.inference.class_labels import readable
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError


def read_image(path: Path, input_size: int) -> np.ndarray:
    """The central crop of a picture file, `(input_size, input_size, 3)` uint8, 0..255.

    Raises:
        InputError: it is no picture, or a truncated one.
    """
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        image = decode(tf.constant(encoded))
    except tf.errors.OpError as error:
        raise InputError(f"{path} {why_refused(encoded)}.") from error
    return image_ops.centre_crop(image_ops.resize_and_crop(image), input_size).numpy()


def classify(predictor: Predictor, path: Path, top: int) -> dict[str, Any]:
    """The `top` most probable classes of a picture, as `predict --json` prints them.

    Raises:
        InputError: the file is no picture, or a truncated one.
    """
    probabilities = predictor.predict(read_image(path, predictor.input_size)[None])[0]
    names = predictor.class_names
    predictions = [
        {"class": names[i], "label": readable(names[i]), "probability": float(probabilities[i])}
        for i in np.argsort(-probabilities, kind="stable")[:top]
    ]
    return {"file": str(path), "predictions": predictions}
