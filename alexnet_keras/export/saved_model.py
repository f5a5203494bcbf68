"""SavedModel folders that TensorFlow Serving can load without this package."""

import tempfile
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from alexnet_keras.data import image_ops
from alexnet_keras.data.decode import decode_in_graph
from alexnet_keras.inference import label_files
from alexnet_keras.inference.keras_model import class_names, input_size, serving_function
from alexnet_keras.inference.predictor import DEFAULT_PREPARATION, ImagePreparation
from alexnet_keras.system.protobuf import BYTES, STRING, message_classes

TOP = 5  # classes that serve_jpeg returns, or all of them if there are fewer
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"  # the name that TensorFlow Serving looks for
# The fields of prediction_log.proto, predict.proto and model.proto of tensorflow/serving that a warm-up request needs.
# The package tensorflow-serving-api has all of them, but it is for programs that call servers.
SERVING = message_classes(
    {
        "PredictionLog": {"predict_log": (6, "PredictLog")},
        "PredictLog": {"request": (1, "PredictRequest")},
        "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "InputsEntry")},
        "ModelSpec": {"signature_name": (3, STRING)},
        "InputsEntry": {"key": (1, STRING), "value": (2, BYTES)},  # an entry of a map; a TensorProto is the value
    }
)


def write(model: keras.Model, path: Path, preparation: ImagePreparation = DEFAULT_PREPARATION) -> None:
    """Write a SavedModel with three signatures, all for batches of any size.

    - `serving_default` takes `images` (B, H, W, 3) float32 RGB, 0..255, and returns `probabilities` (B, classes)
      float32.
    - `serve_uint8` does the same for uint8, a quarter of the bytes. A signature has one type; the function `serve` of
      the loaded object takes both.
    - `serve_jpeg` takes `encoded` (B,) strings, the bytes of JPEG or PNG images of any size, crops them as `predict`
      does, and returns the five most probable `classes` (B, 5) strings with their `probabilities` (B, 5) float32.

    The class names are an asset, and TensorFlow Serving finds a warm-up request for each signature.
    """
    size, names = input_size(model), class_names(model)
    classes = tf.constant([name.encode("utf-8", "surrogatepass") for name in names])
    probabilities = serving_function(model)

    @tf.function(autograph=False)
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": probabilities(tf.cast(images, tf.float32))}

    def crop(encoded: tf.Tensor) -> tf.Tensor:
        image = decode_in_graph(encoded, preparation.upright)
        return image_ops.center_crop(image_ops.resize_and_crop(image, preparation.stored_size), size)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="encoded")], autograph=False)
    def serve_jpeg(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(crop, encoded, fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8))
        best = tf.math.top_k(serve(images)["probabilities"], min(TOP, len(names)))
        return {"classes": tf.gather(classes, best.indices), "probabilities": best.values}

    batch = {dtype: tf.TensorSpec((None, size, size, 3), dtype, name="images") for dtype in (tf.float32, tf.uint8)}
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.serve, module.serve_jpeg = serve, serve_jpeg
    signatures = {
        "serving_default": serve.get_concrete_function(batch[tf.float32]),
        "serve_uint8": serve.get_concrete_function(batch[tf.uint8]),
        "serve_jpeg": serve_jpeg,
    }
    with tempfile.TemporaryDirectory() as folder:
        module.label_files = []
        for file, content in label_files.encode(names).items():
            (Path(folder) / file).write_bytes(content)
            module.label_files.append(tf.saved_model.Asset(str(Path(folder) / file)))
        tf.saved_model.save(module, str(path), signatures=signatures)
    _write_warm_up(path / WARM_UP, size)


def _write_warm_up(path: Path, size: int) -> None:
    """Write a request with one black image for each signature."""
    black = tf.io.encode_jpeg(tf.zeros((size, size, 3), tf.uint8)).numpy()
    shape = tf.TensorShape((1, size, size, 3)).as_proto()
    floats = TensorProto(dtype=tf.float32.as_datatype_enum, tensor_shape=shape, float_val=[0.0])  # for all elements
    integers = TensorProto(dtype=tf.uint8.as_datatype_enum, tensor_shape=shape, int_val=[0])
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(prediction_log("serving_default", "images", floats))
        writer.write(prediction_log("serve_uint8", "images", integers))
        writer.write(prediction_log("serve_jpeg", "encoded", tf.make_tensor_proto([black])))


def prediction_log(signature: str, name: str, tensor: TensorProto) -> bytes:
    """Serialize a `tensorflow.serving.PredictionLog` of one request with one input."""
    log = SERVING["PredictionLog"]()
    request = log.predict_log.add().request.add()
    request.model_spec.add(signature_name=signature)
    request.inputs.add(key=name, value=[tensor.SerializeToString()])
    return log.SerializeToString()
