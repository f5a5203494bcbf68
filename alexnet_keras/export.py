"""Every format that a model leaves in, each compared with the Keras model before it gets its name."""

import dataclasses
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras import data, predict, runs
from alexnet_keras.datasets import Split
from alexnet_keras.errors import InputError
from alexnet_keras.model import load_model
from alexnet_keras.progress import Progress

NUM_IMAGES = 500  # pictures on which an export is compared


@dataclass(frozen=True)
class Export:
    """An export and what it differs in from its Keras model.

    Attributes:
        path: the file or folder.
        max_abs_difference: largest difference of a probability.
        top1_agreement: share of pictures with the same most probable class.
        num_images: pictures that were compared.
        bytes: size of the file, or of all files in the folder.
    """

    path: str
    max_abs_difference: float
    top1_agreement: float
    num_images: int
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def default_path(model: Path, kind: str) -> Path:
    """Beside the model: `model.tflite`, or `saved_model/`."""
    return model.with_suffix(".tflite") if kind == "tflite" else model.parent / "saved_model"


def check_paths(model: Path, kind: str, output: Path) -> None:
    """Refuse what cannot work, before the data are read and the conversion takes its time.

    Raises:
        InputError: `model` is no `.keras` file, or `output` exists, has the wrong suffix, or cannot be written.
    """
    if model.suffix != ".keras":
        raise InputError(f"{model} is no Keras model; exports start from a run or a .keras file.")
    if kind == "tflite" and output.suffix != ".tflite":
        raise InputError(f"A TFLite path must end in '.tflite', got {output.name!r}; try {output.stem + '.tflite'!r}.")
    if output.exists():
        raise InputError(f"The output {output} exists; choose another --output, or remove it.")
    try:
        runs.probe(output.parent)
    except OSError as error:
        raise _unwritable(output, error) from error


def _unwritable(output: Path, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
    return InputError(f"The output {output} cannot be written ({reason}); choose another --output.")


def export(model: Path, kind: str, output: Path, split: Split) -> Export:
    """Write a model in another format and compare both on real pictures.

    Args:
        model: a `.keras` file.
        kind: `"saved_model"` or `"tflite"`.
        output: what to write; a TFLite file ends in `.tflite`.
        split: pictures to compare on; up to 500, evenly spaced.

    Raises:
        InputError: `output` exists, has the wrong suffix, or cannot be written; `model` cannot be read.
    """
    check_paths(model, kind, output)
    source = load_model(model)
    try:
        with runs.appear_whole(output) as partial:
            WRITERS[kind](source, partial)
            difference, agreement, count = compare(predict.from_keras(source), predict.load(partial), split)
    except (OSError, tf.errors.ResourceExhaustedError) as error:  # the disk may be full
        raise _unwritable(output, error) from error
    return Export(str(output), difference, agreement, count, _size(output))


def compare(first: predict.Predictor, second: predict.Predictor, split: Split) -> tuple[float, float, int]:
    """Largest difference in probability, share of equal top-1, and number of pictures."""
    places = np.unique(np.linspace(0, len(split) - 1, NUM_IMAGES).astype(np.int64))
    sample = dataclasses.replace(
        split,
        names=[split.names[place] for place in places],
        labels=split.labels[places],
        read=lambda index: split.read(tf.gather(places, index)),
        read_batch=None,
    )
    differences, agreements = [], []
    with Progress("Comparing with the Keras model", len(places)) as progress, data.naming_unreadable(sample):
        for images, _ in data.eval_dataset(sample, input_size=first.input_size, batch_size=32).as_numpy_iterator():
            one, other = first.predict(images), second.predict(images)
            differences.append(np.abs(one - other).max(axis=1))
            agreements.append(one.argmax(axis=1) == other.argmax(axis=1))
            progress.advance(len(images))
    return float(np.concatenate(differences).max()), float(np.concatenate(agreements).mean()), len(places)


def write_saved_model(model: keras.Model, path: Path, batch_size: int | None = None) -> None:
    """A folder that TensorFlow serves, with the class names as an asset.

    Its signature `serving_default` takes `images` (B, H, W, 3) float32, 0..255, and returns `probabilities`
    (B, classes) float32; B is `batch_size`, or any.
    """
    signature = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32, name="images")

    probabilities = predict.serving_function(model)

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": probabilities(images)}

    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / predict.LABELS
        labels.write_text(_label_lines(model))
        module = tf.Module()
        # Not the model itself: of its weights TFLite's converter would make variables that nothing sets.
        module.weights = [variable.value for variable in model.variables]
        module.labels = tf.saved_model.Asset(str(labels))
        module.serve = tf.function(serve, input_signature=[signature])
        tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})


def write_tflite(model: keras.Model, path: Path) -> None:
    """A float32 file for LiteRT, one image at a time; the class names are zipped behind it, as in TFLite metadata."""
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, Path(folder), batch_size=1)
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(predict.LABELS, _label_lines(model))


WRITERS: dict[str, Callable[[keras.Model, Path], None]] = {"saved_model": write_saved_model, "tflite": write_tflite}


def _label_lines(model: keras.Model) -> str:
    return "\n".join(predict.from_keras(model).class_names) + "\n"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
