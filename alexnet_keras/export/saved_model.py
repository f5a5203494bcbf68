"""A folder that TensorFlow serves, without this package."""

import tempfile
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode
from alexnet_keras.inference.predictor import LABELS, class_names, serving_function

TOP = 5  # classes that serve_jpeg returns, or all of them where there are fewer
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"  # the name that TensorFlow Serving looks for


def write(model: keras.Model, path: Path) -> None:
    """Write a SavedModel with three signatures, all for batches of any size.

    - `serving_default` takes `images` (B, H, W, 3) float32, 0..255, and returns `probabilities` (B, classes) float32.
    - `serve_uint8` is the same for uint8, a quarter of the bytes. A signature has one type; the loaded object's
      `serve` takes both.
    - `serve_jpeg` takes `encoded` (B,) strings, the bytes of JPEG or PNG pictures of any size, crops them as `predict`
      does, and returns the five most probable `classes` (B, 5) strings with their `probabilities` (B, 5) float32.

    The class names are an asset, and TensorFlow Serving finds a request for each signature to warm up with.

    Args:
        model: a classifier of this package.
        path: the folder.
    """
    size, names = model.input_shape[1], class_names(model)
    probabilities = serving_function(model)

    @tf.function
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": probabilities(tf.cast(images, tf.float32))}

    def crop(encoded: tf.Tensor) -> tf.Tensor:
        return image_ops.centre_crop(image_ops.resize_and_crop(decode(encoded)), size)

    def serve_jpeg(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        pictures = tf.map_fn(crop, encoded, fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8))
        best = tf.math.top_k(serve(pictures)["probabilities"], min(TOP, len(names)))
        return {"classes": tf.gather(tf.constant(names), best.indices), "probabilities": best.values}

    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.serve = serve
    module.serve_jpeg = tf.function(serve_jpeg, input_signature=[tf.TensorSpec((None,), tf.string, name="encoded")])
    batch = {dtype: tf.TensorSpec((None, size, size, 3), dtype, name="images") for dtype in (tf.float32, tf.uint8)}
    signatures = {
        "serving_default": serve.get_concrete_function(batch[tf.float32]),
        "serve_uint8": serve.get_concrete_function(batch[tf.uint8]),
        "serve_jpeg": module.serve_jpeg,
    }
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / LABELS
        labels.write_text("".join(f"{name}\n" for name in names))
        module.labels = tf.saved_model.Asset(str(labels))
        tf.saved_model.save(module, str(path), signatures=signatures)
    _write_warm_up(path / WARM_UP, size)


def _write_warm_up(path: Path, size: int) -> None:
    """A file of one request a signature, each for a black picture."""
    black = tf.io.encode_jpeg(tf.zeros((size, size, 3), tf.uint8)).numpy()
    shape = tf.TensorShape((1, size, size, 3)).as_proto()  # one value stands for all of them
    floats = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, tensor_shape=shape, float_val=[0.0])
    integers = tensor_pb2.TensorProto(dtype=tf.uint8.as_datatype_enum, tensor_shape=shape, int_val=[0])
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(prediction_log("serving_default", "images", floats))
        writer.write(prediction_log("serve_uint8", "images", integers))
        writer.write(prediction_log("serve_jpeg", "encoded", tf.make_tensor_proto([black])))


def prediction_log(signature: str, name: str, tensor: tensor_pb2.TensorProto) -> bytes:
    """A `tensorflow.serving.PredictionLog` of one request, as tensorflow-serving-api would serialise it.

    Five fields of it are needed, and the package that has them all is for those who call servers: the numbers are from
    prediction_log.proto, predict.proto and model.proto of tensorflow/serving.
    """
    model_spec = _field(3, signature.encode())
    entry = _field(1, name.encode()) + _field(2, tensor.SerializeToString())  # of the map `inputs`
    request = _field(1, model_spec) + _field(2, entry)
    return _field(6, _field(1, request))  # predict_log, its request


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer: tag, length, content."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first, with the eighth bit set in all but the last."""
    return bytes([value & 127 | 128]) + _varint(value >> 7) if value > 127 else bytes([value])
