"""TFLite files for LiteRT, in float32 and in smaller types."""

import dataclasses
import json
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from alexnet_keras.data.dataset import Split
from alexnet_keras.export import calibration, tflite_metadata
from alexnet_keras.export.fold_mean import folded
from alexnet_keras.export.integer_lrn import with_integer_operators
from alexnet_keras.inference import label_files
from alexnet_keras.inference.keras_model import class_names, input_size, serving_function
from alexnet_keras.inference.predictor import DEFAULT_PREPARATION, ImagePreparation
from alexnet_keras.inference.tflite import METADATA
from alexnet_keras.system import native_stderr


def write(
    model: keras.Model,
    path: Path,
    quantize: str = "none",
    *,
    batch_size: int = 1,
    images: Split | None = None,
    optimizations: Sequence[tf.lite.Optimize] = (),
    preparation: ImagePreparation = DEFAULT_PREPARATION,
) -> None:
    """Write a TFLite file with the class names and a description of the input in its metadata.

    The file takes `(batch_size, H, W, 3)` RGB, 0..255, and returns `(batch_size, classes)` probabilities.

    Args:
        quantize: `none`: float32; `float16`: float16 weights; `dynamic`: 8-bit weights in the large layers; `int8`:
            8-bit weights and activations, float32 input and output; `int8-only`: the same with uint8 input and output.
        batch_size: images in one call, fixed.
        optimizations: more optimizations of the converter, such as `tf.lite.Optimize.EXPERIMENTAL_SPARSITY`.
        preparation: how image files are prepared for the network, as the metadata says.
    """
    names = class_names(model)
    converted = _convert(model, quantize, batch_size, images, optimizations)
    path.write_bytes(tflite_metadata.described(converted, model.name, len(names), label_files.LABELS))
    metadata = {
        "quantize": quantize,
        "input_shape": [batch_size, *model.input_shape[1:]],
        "input_range": [0, 255],
        "channels": "RGB",
        **dataclasses.asdict(preparation),
    }
    with zipfile.ZipFile(path, "a") as archive:  # behind the model, where TFLite Metadata appends its files, too
        files = {**label_files.encode(names), METADATA: json.dumps(metadata, indent=2).encode() + b"\n"}
        for name, content in files.items():
            archive.writestr(name, content)


def write_conv1(model: keras.Model, path: Path) -> None:
    """Write a float32 TFLite file of the first layer alone, without metadata.

    The file takes `(1, H, W, 3)` RGB, 0..255, and returns the feature maps of conv1, those of tower b after those of
    tower a.
    """
    network = folded(model)
    conv1 = keras.Model(network.inputs[0], network.get_layer("conv1").output)
    path.write_bytes(_to_tflite(conv1, lambda images: {"maps": conv1(images, training=False)}, 1))


def _convert(
    model: keras.Model, quantize: str, batch_size: int, images: Split | None, optimizations: Sequence[tf.lite.Optimize]
) -> bytes:
    """Convert a model to the bytes of a TFLite file without metadata."""
    calibrated = quantize in calibration.CALIBRATED
    network = folded(model)
    probabilities = serving_function(with_integer_operators(network) if calibrated else network)

    def configure(converter: tf.lite.TFLiteConverter) -> None:
        converter.optimizations = list(optimizations)
        if quantize != "none":
            converter.optimizations.append(tf.lite.Optimize.DEFAULT)
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if calibrated:
            assert images is not None
            converter.representative_dataset = lambda: (
                [batch] for batch in calibration.batches(images, input_size(model), batch_size)
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if quantize == "int8-only":
            converter.inference_input_type = converter.inference_output_type = tf.uint8

    return _to_tflite(network, lambda images: {"probabilities": probabilities(images)}, batch_size, configure)


def _to_tflite(
    network: keras.Model,
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    batch_size: int,
    configure: Callable[[tf.lite.TFLiteConverter], None] = lambda converter: None,
) -> bytes:
    """Convert a function of images that uses the weights of a network, with the settings of `configure`."""
    signature = tf.TensorSpec((batch_size, *network.input_shape[1:]), tf.float32, name="images")
    module = tf.Module()
    # The converter is not given the model itself: it would turn the weights into variables that nothing initializes.
    module.weights = [variable.value for variable in network.variables]
    module.serve = tf.function(function, input_signature=[signature])
    with tempfile.TemporaryDirectory() as folder, native_stderr.silenced():
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        configure(converter)
        return converter.convert()
