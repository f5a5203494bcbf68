"""Load a model file of any format as a function from images to probabilities."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import psutil
import tensorflow as tf

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.model import archive
from alexnet_keras.model.layers import Predictions
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError, OptionError

LABELS = "labels.txt"  # one class name a line: in a SavedModel's assets, and zipped behind a TFLite file


@dataclass(frozen=True)
class Predictor:
    """A model of any format, ready to predict.

    Attributes:
        predict: `(B, input_size, input_size, 3)` uint8 RGB, 0..255 -> `(B, classes)` float32 probabilities.
        input_size: side of the images in pixels.
        class_names: one name for each class, in order; the indices "0", "1", ... if the model has no names.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    input_size: int
    class_names: tuple[str, ...]


def input_size(model: keras.Model) -> int:
    """The side in pixels of the images that a model takes.

    Raises:
        InputError: images cannot be cropped to this size: it is no square of at most 256 pixels.
    """
    _, height, width, _ = model.input_shape
    if height != width or height > STORED_SIZE:
        raise InputError(
            f"The model {model.name!r} takes images of {height} x {width} pixels, but images are cropped to squares of "
            f"at most {STORED_SIZE}; use a model with such an input."
        )
    return height


def class_names(model: keras.Model) -> tuple[str, ...]:
    """The names of a classifier's classes, or their indices if it has no names."""
    return model.layers[-1].class_names or tuple(str(index) for index in range(model.output_shape[-1]))


def serving_function(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function from images to probabilities for a classifier that ends in softmax or in logits.

    The function takes `(B, H, W, 3)` float32 RGB, 0..255, and returns `(B, classes)` float32.

    Raises:
        InputError: the model has no classifier, one with another activation, or an input of unsupported size.
    """
    last = model.layers[-1]
    if not isinstance(last, Predictions):
        raise InputError(
            f"The model {model.name!r} ends in the layer {last.name!r}, which is no classifier; "
            "build it with `include_top=True`."
        )
    input_size(model)
    if last.activation not in (keras.activations.linear, keras.activations.softmax):
        raise InputError(
            f"The model {model.name!r} ends in neither softmax nor logits, so it gives no probabilities; "
            "build it with `classifier_activation='softmax'`."
        )
    logits = last.activation is keras.activations.linear

    def serve(images: tf.Tensor) -> tf.Tensor:
        outputs = model(images, training=False)
        return tf.nn.softmax(outputs) if logits else outputs

    return serve


def from_keras(model: keras.Model) -> Predictor:
    """A predictor that reads the weights of a Keras model anew in each call.

    Raises:
        InputError: as `serving_function`.
    """
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    call = tf.function(serving_function(model), input_signature=[signature])
    return Predictor(lambda batch: call(tf.cast(batch, tf.float32)).numpy(), input_size(model), class_names(model))


def _from_saved_model(path: Path) -> Predictor:
    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
        (shape,) = [spec.shape for spec in signature.structured_input_signature[1].values()]
        names = tuple((path / "assets" / LABELS).read_text().splitlines())
    except Exception as error:  # TensorFlow raises OSError, KeyError, ValueError and errors of its own
        raise _foreign(path, "a SavedModel") from error
    return Predictor(
        lambda batch: signature(images=tf.cast(batch, tf.float32))["probabilities"].numpy(), shape[1], names
    )


def _from_tflite(path: Path) -> Predictor:
    """Run a TFLite file with LiteRT, which takes as many images in one call as the file was written for."""
    from ai_edge_litert.interpreter import Interpreter  # loads a native library that other formats do without

    try:
        with zipfile.ZipFile(path) as file:
            names = tuple(file.read(LABELS).decode().splitlines())
        with native_stderr.silenced():
            interpreter = Interpreter(model_path=str(path), num_threads=psutil.cpu_count())
            interpreter.allocate_tensors()
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise _foreign(path, "a TFLite file") from error
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    size = int(source["shape"][0])

    def call(images: np.ndarray) -> np.ndarray:
        batch = np.zeros(source["shape"], source["dtype"])  # a uint8 input has the scale 1, so it takes images as is
        batch[: len(images)] = images
        interpreter.set_tensor(source["index"], batch)
        interpreter.invoke()
        outputs = interpreter.get_tensor(target["index"])[: len(images)]
        scale, zero_point = target["quantization"]
        return (outputs.astype(np.float32) - zero_point) * scale if scale else outputs

    def predict(batch: np.ndarray) -> np.ndarray:
        return np.concatenate([call(batch[start : start + size]) for start in range(0, len(batch), size)])

    return Predictor(predict, int(source["shape"][1]), names)


def _from_onnx(path: Path) -> Predictor:
    try:
        import onnxruntime  # an optional dependency
    except ImportError as error:
        raise OptionError(
            f"{path} needs the package onnxruntime; install it with `pip install 'alexnet-keras[onnx]'`."
        ) from error

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = psutil.cpu_count()
    options.log_severity_level = 3  # errors only; they are raised as exceptions, too
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = tuple(json.loads(session.get_modelmeta().custom_metadata_map["class_names"]))
    except Exception as error:  # onnxruntime raises errors of its own
        raise _foreign(path, "an ONNX file") from error
    (source,) = session.get_inputs()

    def predict(batch: np.ndarray) -> np.ndarray:
        return session.run(None, {source.name: batch.astype(np.float32)})[0]

    return Predictor(predict, source.shape[1], names)


def _foreign(path: Path, kind: str) -> InputError:
    return InputError(f"{path} is not {kind} that `alexnet-keras export` wrote, or it is damaged; export it again.")


LOADERS: dict[str, Callable[[Path], Predictor]] = {
    ".keras": lambda path: from_keras(load_model(path)),
    archive.SUFFIX: lambda path: from_keras(archive.read(path)),
    ".tflite": _from_tflite,
    ".onnx": _from_onnx,
}


def load_predictor(path: Path) -> Predictor:
    """Load a model file: `.keras`, `.tflite`, `.onnx`, `.alexnet`, or the folder of a SavedModel.

    Raises:
        OptionError: there is no such file, or it is an ONNX file and onnxruntime is not installed.
        InputError: the file holds no model of this package.
    """
    if not path.exists():
        raise OptionError(f"There is no model {path}; check its name.")
    if (path / "saved_model.pb").is_file():
        return _from_saved_model(path)
    if path.suffix not in LOADERS:
        raise InputError(f"{path} is no model; use a run, the folder of a SavedModel, or {', '.join(LOADERS)}.")
    return LOADERS[path.suffix](path)


def bytes_of(path: Path) -> int:
    """The size in bytes of a model's file, or of all files in its folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
