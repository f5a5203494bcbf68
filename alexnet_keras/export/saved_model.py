"""A folder that TensorFlow serves, without this package."""

import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from alexnet_keras import predict


def write(model: keras.Model, path: Path) -> None:
    """Write a SavedModel with the class names as an asset.

    Its signature `serving_default` takes `images` (B, H, W, 3) float32, 0..255, and returns `probabilities`
    (B, classes) float32.
    """
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="images")
    probabilities = predict.serving_function(model)

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": probabilities(images)}

    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / predict.LABELS
        labels.write_text("".join(f"{name}\n" for name in predict.class_names(model)))
        module = tf.Module()
        module.weights = [variable.value for variable in model.variables]
        module.labels = tf.saved_model.Asset(str(labels))
        module.serve = tf.function(serve, input_signature=[signature])
        tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
