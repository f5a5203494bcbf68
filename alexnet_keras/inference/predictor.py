"""Load a model file of any format as a function from images to probabilities."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_keras.config.ranges import wanted
from alexnet_keras.config.serialization import BEFORE, CONFIG
from alexnet_keras.config.training import STORED_SIZE, StoredSize
from alexnet_keras.inference.versions import find_saved_model
from alexnet_keras.system import native_stderr
from alexnet_keras.system.errors import InputError, OptionError, RunError
from alexnet_keras.system.input_files import check_regular, read_json

if TYPE_CHECKING:
    import numpy as np

KERAS_SUFFIXES = (".keras", ".alexnet")  # of models of Keras
LIGHT_SUFFIXES = (".tflite", ".onnx")  # of models that run without TensorFlow
SUFFIXES = KERAS_SUFFIXES + LIGHT_SUFFIXES
TOLERANCE = 0.01  # of the sum of probabilities in float16 and float32
SMALL = 64  # pixels; AlexNet itself takes at least 63
BATCH_SIZE = 64  # images in one call of a model
FEW = 100  # images for which the seconds of Keras's import count more than some milliseconds for each of them
STEP = 1 / 256  # between two probabilities of an 8-bit file


@dataclass(frozen=True)
class ImagePreparation:
    """How an image file is prepared before its centre is cropped.

    Attributes:
        upright: whether it is turned as its EXIF orientation says.
        stored_size: side in pixels to which it is resized.
    """

    upright: bool = True
    stored_size: int = STORED_SIZE


DEFAULT_PREPARATION = ImagePreparation()


@dataclass(frozen=True)
class Predictor:
    """A model of any format, ready to predict.

    Attributes:
        function: `(B, input_size, input_size, 3)` uint8 RGB, 0..255 -> `(B, classes)` float32 probabilities.
        class_names: one name for each class, in order; the indices "0", "1", ... if the model has no names.
        rounded: whether probabilities are multiples of 1/256.
        variant: the name of the network; `None` if the file does not have it.
        preparation: how image files are prepared, as in the model's run.
        prepared: what the file says about the preparation, for a model that is in no run.
    """

    function: Callable[["np.ndarray"], "np.ndarray"]
    input_size: int
    class_names: tuple[str, ...]
    name: str = "in memory"
    rounded: bool = False
    variant: str | None = None
    preparation: ImagePreparation = DEFAULT_PREPARATION
    prepared: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, images: "np.ndarray") -> "np.ndarray":
        """Call `function`, and check that its results are probabilities."""
        import numpy as np  # takes a tenth of a second, in which another process can open the model

        probabilities = self.function(images)
        tolerance = TOLERANCE + (STEP / 2 * len(self.class_names) if self.rounded else 0)
        outside = np.abs(probabilities - 0.5).max(initial=0) - 0.5
        error = max(outside, np.abs(probabilities.sum(axis=1) - 1).max(initial=0))
        if not error <= tolerance:  # NaN is no probability, too
            worst = "not finite" if not np.isfinite(probabilities).all() else "outside 0..1, or do not sum to 1"
            raise RunError(
                f"The model {self.name} is damaged: its probabilities are {worst}; train, export or copy it again."
            )
        return probabilities


def load_predictor(path: Path, allow_all_operations: bool = False) -> Predictor:
    """Load a model file: `.keras`, `.tflite`, `.onnx`, `.alexnet`, or the folder of a SavedModel."""
    if not path.exists():
        raise OptionError(f"There is no model {path}; check its name.")
    return _as_in_run(_load(path, allow_all_operations), path)


def load_for_few_images(path: Path, images: int) -> Predictor | None:
    """Load a Keras model that answers at once, without Keras, if there are at most `FEW` images.

    Returns:
        The predictor, or `None` for more images and for files that only `load_predictor` can load.
    """
    if images > FEW or path.suffix not in KERAS_SUFFIXES:
        return None
    from alexnet_keras.inference import numpy_network

    loaded = numpy_network.load(path)
    return None if loaded is None else _as_in_run(loaded, path)


def _as_in_run(loaded: Predictor, path: Path) -> Predictor:
    """Make image files be prepared as in the run of a model; one that is in no run may say it itself."""
    if not _run_values(path) and loaded.prepared:
        upright, size = loaded.prepared.get("upright"), loaded.prepared.get("stored_size", 0)
        if isinstance(upright, bool) and not wanted(StoredSize, size) and size >= loaded.input_size:
            return dataclasses.replace(loaded, preparation=ImagePreparation(upright, size))
    return dataclasses.replace(loaded, preparation=preparation_of(path, loaded.input_size))


def preparation_of(model: Path, input_size: int) -> ImagePreparation:
    """Return how the run of a model prepared its images.

    Images for a model that is in no run are turned upright. The model takes crops of 256 pixels or, if it takes less
    than `SMALL` pixels, whole images.
    """
    values = _run_values(model)
    upright = not values or {**BEFORE, **values}["upright"] is not False
    size = values.get("stored_size", STORED_SIZE if input_size >= SMALL else input_size)
    return ImagePreparation(upright, STORED_SIZE if wanted(StoredSize, size) or size < input_size else int(size))


def _run_values(model: Path) -> dict[str, Any]:
    config = model.parent / CONFIG
    values = read_json(config) if config.is_file() else {}
    return values if "recipe" in values else {}


def _load(path: Path, allow_all_operations: bool) -> Predictor:
    served = find_saved_model(path)
    if served is not None:
        with native_stderr.loading():
            from alexnet_keras.inference import saved_model

        return dataclasses.replace(saved_model.load(served, allow_all_operations), name=str(path))
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} is no model; use a run, the folder of a SavedModel, or {', '.join(SUFFIXES)}.")
    check_regular(path)
    if path.suffix == ".tflite":
        from alexnet_keras.inference import tflite

        return tflite.load(path)
    if path.suffix == ".onnx":
        from alexnet_keras.inference import onnx  # imports an optional package

        return onnx.load(path)
    native_stderr.import_keras()
    from alexnet_keras.inference.keras_model import from_keras  # imports TensorFlow and Keras, for seconds
    from alexnet_keras.model.loading import load_model

    return from_keras(load_model(path), str(path))


def unreadable(path: Path, kind: str) -> InputError:
    """The error of a file that is damaged or that another program wrote."""
    return InputError(f"{path} is not {kind} that `alexnet-keras export` wrote, or it is damaged; export it again.")


def bytes_of(path: Path) -> int:
    """The size in bytes of a model's file, or of all files in its folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
