"""Every format that a model leaves in, each compared with the Keras model before it gets its name."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from alexnet_keras.data.dataset import DataSet
from alexnet_keras.export import onnx, saved_model, tflite
from alexnet_keras.export.calibration import training_images
from alexnet_keras.export.compare import BOUNDS, check_parity
from alexnet_keras.inference.evaluate import check_classes
from alexnet_keras.inference.predictor import bytes_of, from_keras, load_predictor
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, OptionError, RunError
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.progress import stage
from alexnet_keras.system.provenance import provenance

REPORT = "export.json"  # beside the exports: file name -> what was measured of it
QUANTIZATIONS = {
    "saved_model": ("none",),
    "tflite": tflite.QUANTIZATIONS,
    "onnx": onnx.QUANTIZATIONS,
    "keras": ("none",),
}
SUFFIXES = {"saved_model": "", "tflite": ".tflite", "onnx": ".onnx", "keras": ".keras"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to write.

    Attributes:
        format: `saved_model`, `tflite`, `onnx` or `keras`.
        quantize: one of the format's `QUANTIZATIONS`.
        batch_size: images a call of a TFLite file; other formats take any number.

    Raises:
        OptionError: there is no such format, it has no such quantization or batch size, or it needs a package that is
            not installed.
    """

    format: str
    quantize: str = "none"
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.format not in QUANTIZATIONS:
            raise OptionError(f"There is no format {self.format!r}; choose from {', '.join(QUANTIZATIONS)}.")
        known = QUANTIZATIONS[self.format]
        if self.quantize not in known:
            raise OptionError(f"--quantize {self.quantize}: the format {self.format} has only {', '.join(known)}.")
        if self.batch_size is not None and self.format != "tflite":
            raise OptionError(f"--batch-size {self.batch_size}: the format {self.format} takes batches of any size.")
        if self.format == "onnx":
            onnx.check_installed()

    @property
    def calibrated(self) -> bool:
        """Whether pictures tell it the range of each layer's activations."""
        return self.quantize in tflite.CALIBRATED

    def default_path(self, model: Path) -> Path:
        """Beside the model: `saved_model`, `model.tflite`, `model-int8.tflite`, `model-export.keras`."""
        if self.format == "saved_model":
            return model.parent / "saved_model"
        ending = "export" if self.format == "keras" else self.quantize
        return model.with_name(f"{model.stem}{'' if ending == 'none' else '-' + ending}{SUFFIXES[self.format]}")


def check_paths(model: Path, target: Target, output: Path) -> None:
    """Refuse what cannot work, before the data are read and the conversion takes its time.

    Raises:
        OptionError: `output` has the wrong suffix.
        InputError: `model` is no `.keras` file, `output` exists or cannot be written, or the export.json beside it is
            damaged.
    """
    if model.suffix != ".keras":
        raise InputError(f"{model} is no Keras model; exports start from a run or a .keras file.")
    suffix = SUFFIXES[target.format]
    atomic_files.check_output(output, (suffix,) if suffix else ())
    _read_report(output.parent)


def check_calibration(target: Target, calibration: str | None) -> None:
    """Refuse pictures to calibrate what needs none.

    Raises:
        OptionError: so it is.
    """
    if calibration is not None and not target.calibrated:
        raise OptionError(f"--calibration {calibration}: only --quantize {' and '.join(tflite.CALIBRATED)} use it.")


def export(
    model: Path,
    target: Target,
    output: Path,
    dataset: DataSet,
    calibration: DataSet | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a model in another format, and prove on real pictures that it is as good.

    Args:
        model: a `.keras` file.
        target: what to write.
        output: where; beside it, export.json gets an entry of its name.
        dataset: with the model's classes. Its validation pictures are compared on, up to 500, evenly spaced.
        calibration: whose training pictures calibrate a target that needs it; `dataset` if left out.
        force: whether an export that is out of bounds is kept.

    Returns:
        What export.json says of it, with its `path`.

    Raises:
        OptionError: the target needs no calibration, and was given one, or `output` has the wrong suffix.
        InputError: `output` exists or cannot be written; `model` cannot be read or knows other
            classes; there are too few pictures to calibrate.
        RunError: the export is out of bounds; nothing is left of it.
    """
    check_paths(model, target, output)
    check_calibration(target, None if calibration is None else calibration.name)
    source = load_model(model)
    original = from_keras(source)
    check_classes(original, dataset)
    calibrating = calibration or dataset
    images = training_images(calibrating) if target.calibrated else None

    def write(path: Path) -> None:
        if target.format == "tflite":
            size = target.batch_size or 1
            tflite.write(source, path, target.quantize, batch_size=size, images=images)
        elif target.format == "onnx":
            onnx.write(source, path, target.quantize, images)
        elif target.format == "saved_model":
            saved_model.write(source, path)
        else:
            source.save(path)

    try:
        with atomic_files.appear_whole(output) as partial:
            with stage(f"Writing {output.name}"):
                write(partial)
            result = check_parity(original, load_predictor(partial), dataset.validation)
            shortcomings = result.shortcomings(BOUNDS[target.quantize])
            if shortcomings and not force:
                raise RunError(
                    f"{output.name} is not as good as its Keras model on {result.num_images} pictures: "
                    f"{'; '.join(shortcomings)}. Nothing was kept; --force would."
                )
            size = bytes_of(partial)
        entry = {
            **dataclasses.asdict(target),
            "batch_size": target.batch_size or (1 if target.format == "tflite" else None),
            "bytes": size,
            **result.to_dict(),
            "shortcomings": shortcomings,
            "calibration": calibrating.name if target.calibrated else None,
            "provenance": provenance(describe()),
        }
        atomic_files.write_json(output.parent / REPORT, {**_read_report(output.parent), output.name: entry})
    except (OSError, tf.errors.ResourceExhaustedError) as error:  # the disk may be full
        raise atomic_files.unwritable(output, error) from error
    return {"path": str(output), **entry}


def _read_report(folder: Path) -> dict[str, Any]:
    """What export.json says of the exports that are still there.

    Raises:
        InputError: it is damaged.
    """
    report = folder / REPORT
    try:
        entries = atomic_files.read_json(report) if report.exists() else {}
    except InputError as error:
        raise InputError(f"{report} is damaged; remove it, and exports begin another.") from error
    return {name: entry for name, entry in entries.items() if (folder / name).exists()}
