"""TFLite files for LiteRT, in float32 and smaller."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras import chatter, data, predict
from alexnet_keras.export.integers import with_integer_operators
from alexnet_keras.progress import Progress
from alexnet_keras.splits import Split, sample

QUANTIZATIONS = ("none", "float16", "dynamic", "int8", "int8-only")
CALIBRATED = ("int8", "int8-only")
CALIBRATION_IMAGES = 200


def write(
    model: keras.Model,
    path: Path,
    quantize: str = "none",
    *,
    batch_size: int = 1,
    calibration: Split | None = None,
    optimizations: tuple[tf.lite.Optimize, ...] = (),
) -> None:
    """Write a TFLite file with the class names and the range of the input in its metadata.

    Args:
        model: a classifier of this package.
        path: the file.
        quantize: `none` for float32; `float16` weights; `dynamic`, 8-bit weights in the large layers; `int8`, 8-bit
            weights and activations, float32 in and out; `int8-only`, the same with uint8 in and out.
        batch_size: images a call, fixed.
        calibration: training pictures, for `int8` and `int8-only`; 200 of them, evenly spaced, tell the range of
            each layer's activations.
        optimizations: more of the converter's, such as `tf.lite.Optimize.EXPERIMENTAL_SPARSITY`.
    """
    content = convert(model, quantize, batch_size, calibration, optimizations)
    path.write_bytes(content)
    metadata = {
        "quantize": quantize,
        "input_shape": [batch_size, *model.input_shape[1:]],
        "input_range": [0, 255],
        "channels": "RGB",
    }
    with zipfile.ZipFile(path, "a") as archive:  # behind the model, as TFLite's own metadata has its files
        archive.writestr(predict.LABELS, "".join(f"{name}\n" for name in predict.class_names(model)))
        archive.writestr(predict.METADATA, json.dumps(metadata, indent=2) + "\n")


def convert(
    model: keras.Model,
    quantize: str,
    batch_size: int,
    calibration: Split | None,
    optimizations: tuple[tf.lite.Optimize, ...] = (),
) -> bytes:
    """The file without its metadata."""
    integers = quantize in CALIBRATED
    probabilities = predict.serving_function(with_integer_operators(model) if integers else model)
    signature = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32, name="images")
    module = tf.Module()
    # Not the model itself: of its weights the converter would make variables that nothing sets.
    module.weights = [variable.value for variable in model.variables]
    module.serve = tf.function(lambda images: {"probabilities": probabilities(images)}, input_signature=[signature])
    with tempfile.TemporaryDirectory() as folder, chatter.silenced():
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = list(optimizations)
        if quantize != "none":
            converter.optimizations.append(tf.lite.Optimize.DEFAULT)
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if integers:
            assert calibration is not None
            converter.representative_dataset = lambda: _batches(calibration, signature.shape)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if quantize == "int8-only":
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        return converter.convert()


def _batches(calibration: Split, shape: tf.TensorShape) -> Iterator[list[np.ndarray]]:
    pictures = sample(calibration, CALIBRATION_IMAGES)
    dataset = data.eval_dataset(pictures, input_size=shape[1], batch_size=shape[0])
    with Progress("Calibrating", len(pictures)) as progress, data.naming_unreadable(pictures):
        for index, (images, _) in enumerate(dataset.as_numpy_iterator()):
            batch = np.resize(images, shape).astype(np.float32)  # repeats pictures to fill the last one
            if index == 0:
                batch[0, 0, :2, 0] = 0, 255  # the whole range, so that uint8 means what it does in a picture
            yield [batch]
            progress.advance(len(images))
