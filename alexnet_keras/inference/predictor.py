"""Any model file -> a function from images to probabilities."""

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
from alexnet_keras.model.archive import SUFFIX, read
from alexnet_keras.model.layers import Predictions
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError, OptionError

LABELS = "labels.txt"  # one class name a line: in a SavedModel's assets, and zipped behind a TFLite file


@dataclass(frozen=True)
class Predictor:
    """A model of any format.

    Attributes:
        predict: `(B, input_size, input_size, 3)` uint8, 0..255 -> `(B, classes)` float32 probabilities.
        input_size: side of the images in pixels.
        class_names: one name a class, in order; the numbers of the classes where the model has no names.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    input_size: int
    class_names: tuple[str, ...]


def serving_function(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """`(B, H, W, 3)` float32, 0..255 -> `(B, classes)` float32 probabilities, from a model of either activation.

    Raises:
        InputError: the model has no classifier, one of another activation, or inputs that no picture is cropped to.
    """
    last, (_, height, width, _) = model.layers[-1], model.input_shape
    if not isinstance(last, Predictions):
        raise InputError(
            f"The model {model.name!r} ends in {last.name!r} and not in a classifier; give one with its top."
        )
    if height != width or height > STORED_SIZE:
        raise InputError(
            f"The model {model.name!r} takes images of {height} x {width}; "
            f"pictures are cropped to squares of at most {STORED_SIZE}."
        )
    if last.activation not in (keras.activations.linear, keras.activations.softmax):
        raise InputError(f"The model {model.name!r} ends in neither softmax nor logits, so it gives no probabilities.")
    logits = last.activation is keras.activations.linear

    def serve(images: tf.Tensor) -> tf.Tensor:
        outputs = model(images, training=False)
        return tf.nn.softmax(outputs) if logits else outputs

    return serve


def from_keras(model: keras.Model) -> Predictor:
    """A Keras model of this package, as it computes in the inference mode.

    Raises:
        InputError: it is no classifier of pictures.
    """
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    call = tf.function(serving_function(model), input_signature=[signature])
    return Predictor(lambda batch: call(tf.cast(batch, tf.float32)).numpy(), model.input_shape[1], class_names(model))


def class_names(model: keras.Model) -> tuple[str, ...]:
    """The names of a classifier's classes, in order, or else their numbers."""
    return model.layers[-1].class_names or tuple(str(index) for index in range(model.output_shape[-1]))


def from_saved_model(path: Path) -> Predictor:
    """A SavedModel that `export` wrote."""
    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
        (shape,) = [spec.shape for spec in signature.structured_input_signature[1].values()]
        names = tuple((path / "assets" / LABELS).read_text().splitlines())
    except Exception as error:  # TensorFlow raises OSError, KeyError, ValueError and its own kinds
        raise InputError(f"{path} is not a SavedModel of this package, or a damaged one; export it again.") from error
    return Predictor(
        lambda batch: signature(images=tf.cast(batch, tf.float32))["probabilities"].numpy(), shape[1], names
    )


def from_tflite(path: Path) -> Predictor:
    """A TFLite file that `export` wrote, run by LiteRT, as many images at a time as the file is made for."""
    from ai_edge_litert.interpreter import Interpreter  # only this format needs it

    try:
        with zipfile.ZipFile(path) as archive:
            names = tuple(archive.read(LABELS).decode().splitlines())
        with native_stderr.silenced():
            interpreter = Interpreter(model_path=str(path), num_threads=psutil.cpu_count())
            interpreter.allocate_tensors()
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a TFLite file of this package, or a damaged one; export it again.") from error
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    size = int(source["shape"][0])

    def call(images: np.ndarray) -> np.ndarray:
        batch = np.zeros(source["shape"], source["dtype"])  # of integers, uint8 with a scale of 1: pictures as they are
        batch[: len(images)] = images
        interpreter.set_tensor(source["index"], batch)
        interpreter.invoke()
        outputs = interpreter.get_tensor(target["index"])[: len(images)]
        scale, zero_point = target["quantization"]
        return (outputs.astype(np.float32) - zero_point) * scale if scale else outputs

    def predict(batch: np.ndarray) -> np.ndarray:
        return np.concatenate([call(batch[start : start + size]) for start in range(0, len(batch), size)])

    return Predictor(predict, int(source["shape"][1]), names)


def from_onnx(path: Path) -> Predictor:
    """An ONNX file that `export` wrote, run by onnxruntime.

    Raises:
        OptionError: onnxruntime is not installed.
        InputError: it is no file of this package.
    """
    try:
        import onnxruntime  # only this format needs it
    except ImportError as error:
        raise OptionError(f"{path} needs onnxruntime; pip install 'alexnet-keras[onnx]'.") from error

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = psutil.cpu_count()
    options.log_severity_level = 3  # errors, which come as exceptions too
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = tuple(json.loads(session.get_modelmeta().custom_metadata_map["class_names"]))
    except Exception as error:  # onnxruntime raises its own kinds
        raise InputError(f"{path} is not an ONNX file of this package, or a damaged one; export it again.") from error
    (source,) = session.get_inputs()

    def predict(batch: np.ndarray) -> np.ndarray:
        return session.run(None, {source.name: batch.astype(np.float32)})[0]

    return Predictor(predict, source.shape[1], names)


def load_predictor(path: Path) -> Predictor:
    """A model file of any format: `.keras`, a SavedModel's folder, `.tflite`, `.onnx` or `.alexnet`.

    Raises:
        OptionError: there is no such file.
        InputError: it holds no model of this package.
    """
    if not path.exists():
        raise OptionError(f"There is no model {path}.")
    if path.suffix == ".tflite":
        return from_tflite(path)
    if path.suffix == ".onnx":
        return from_onnx(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return from_saved_model(path)
    if path.suffix == ".keras":
        return from_keras(load_model(path))
    if path.suffix == SUFFIX:
        return from_keras(read(path))
    raise InputError(
        f"{path} is no model; give a run, a .keras, a SavedModel's folder, a .tflite, an .onnx or an .alexnet."
    )


def bytes_of(path: Path) -> int:
    """Bytes of a model: of its file, or of all files in its folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
