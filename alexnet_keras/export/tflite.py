"""TFLite files for LiteRT, in float32 and smaller."""

import json
import tempfile
import zipfile
from pathlib import Path

import keras
import tensorflow as tf

from alexnet_keras.data.dataset import Split
from alexnet_keras.export import calibration
from alexnet_keras.export.fold_mean import folded
from alexnet_keras.export.integer_lrn import with_integer_operators
from alexnet_keras.inference.predictor import LABELS, class_names, serving_function
from alexnet_keras.system import native_stderr

QUANTIZATIONS = ("none", "float16", "dynamic", "int8", "int8-only")
CALIBRATED = ("int8", "int8-only")
METADATA = "metadata.json"  # zipped behind the model, beside its labels


def write(
    model: keras.Model,
    path: Path,
    quantize: str = "none",
    *,
    batch_size: int = 1,
    images: Split | None = None,
    optimizations: tuple[tf.lite.Optimize, ...] = (),
) -> None:
    """Write a TFLite file with the class names and the range of the input in its metadata.

    Args:
        model: a classifier of this package.
        path: the file.
        quantize: `none` for float32; `float16` weights; `dynamic`, 8-bit weights in the large layers; `int8`, 8-bit
            weights and activations, float32 in and out; `int8-only`, the same with uint8 in and out.
        batch_size: images a call, fixed.
        images: to calibrate `int8` and `int8-only` on.
        optimizations: more of the converter's, such as `tf.lite.Optimize.EXPERIMENTAL_SPARSITY`.
    """
    content = _convert(model, quantize, batch_size, images, optimizations)
    path.write_bytes(content)
    metadata = {
        "quantize": quantize,
        "input_shape": [batch_size, *model.input_shape[1:]],
        "input_range": [0, 255],
        "channels": "RGB",
    }
    with zipfile.ZipFile(path, "a") as archive:  # behind the model, as TFLite's own metadata has its files
        archive.writestr(LABELS, "".join(f"{name}\n" for name in class_names(model)))
        archive.writestr(METADATA, json.dumps(metadata, indent=2) + "\n")


def _convert(
    model: keras.Model,
    quantize: str,
    batch_size: int,
    images: Split | None,
    optimizations: tuple[tf.lite.Optimize, ...] = (),
) -> bytes:
    """The file without its metadata."""
    integers = quantize in CALIBRATED
    network = folded(model)
    probabilities = serving_function(with_integer_operators(network) if integers else network)
    signature = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32, name="images")
    module = tf.Module()
    # Not the model itself: of its weights the converter would make variables that nothing sets.
    module.weights = [variable.value for variable in network.variables]
    module.serve = tf.function(lambda images: {"probabilities": probabilities(images)}, input_signature=[signature])
    with tempfile.TemporaryDirectory() as folder, native_stderr.silenced():
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = list(optimizations)
        if quantize != "none":
            converter.optimizations.append(tf.lite.Optimize.DEFAULT)
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if integers:
            assert images is not None
            converter.representative_dataset = lambda: (
                [batch] for batch in calibration.batches(images, model.input_shape[1], batch_size)
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if quantize == "int8-only":
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        return converter.convert()
