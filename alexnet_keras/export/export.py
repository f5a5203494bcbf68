"""Write a model in another format, and keep the file only if it passes the parity check."""

import dataclasses
import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config import pretrained
from alexnet_keras.config.formats import QUANTIZATIONS
from alexnet_keras.config.ranges import CallSize, wanted
from alexnet_keras.data.dataset import DataSet, Split
from alexnet_keras.export import saved_model, tflite, web
from alexnet_keras.export.calibration import CALIBRATED, calibration_images
from alexnet_keras.export.parity import BOUNDS, check_parity
from alexnet_keras.inference.evaluate import check_classes, same_classes
from alexnet_keras.inference.keras_model import from_keras, input_size
from alexnet_keras.inference.predictor import ImagePreparation, bytes_of, load_predictor, preparation_of
from alexnet_keras.inference.versions import FIRST, is_version
from alexnet_keras.model.loading import MODEL_READERS, load_model
from alexnet_keras.system import atomic_files, disk
from alexnet_keras.system.errors import InputError, OptionError, RunError
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.progress import stage
from alexnet_keras.system.provenance import provenance

GRAPH_BYTES = 2**21  # of a file besides its weights; a SavedModel has most, less than a megabyte
REPORT = "export.json"  # beside the exports: file name -> its parity check


@dataclass(frozen=True, kw_only=True)
class Target:
    """The format to write and its options.

    Attributes:
        format: `saved_model`, `tflite`, `onnx`, `keras` or `web`.
        quantize: one of the quantizations of the format in `FORMATS`, the first one by default.
        batch_size: images in one call of a TFLite file, 1 to 64, 1 if `None`; other formats take any number.
    """

    format: str
    quantize: str = ""
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise OptionError(f"There is no `format` {self.format!r}; choose from {', '.join(FORMATS)}.")
        form = FORMATS[self.format]
        object.__setattr__(self, "quantize", self.quantize or form.quantizations[0])
        if self.quantize not in form.quantizations:
            raise OptionError(
                f"The format {self.format} has no `quantize` {self.quantize!r}; choose from "
                f"{', '.join(form.quantizations)}."
            )
        if self.batch_size is not None and not form.fixed_batch_size:
            raise OptionError(
                f"`batch_size` {self.batch_size} has no effect on the format {self.format}; only a TFLite file has a "
                "fixed batch size, so leave it out."
            )
        if self.batch_size is not None and (needed := wanted(CallSize, self.batch_size)):
            raise OptionError(f"`batch_size` must be {needed}, got {self.batch_size}.")
        for package in form.packages:
            if importlib.util.find_spec(package) is None:
                raise OptionError(
                    f"The format {self.format} needs the package {package!r}; install it with "
                    f"`pip install 'alexnet-keras[{self.format}]'`."
                )
        if self.format == "web":
            web.find_runtime()

    @property
    def calibrated(self) -> bool:
        return self.quantize in CALIBRATED

    def default_path(self, model: Path) -> Path:
        """A path beside the model: `saved_model`, `web`, `model.tflite`, `model-int8.tflite`, `model-export.keras`."""
        if model == pretrained.FILE:  # whose folder belongs to the package
            model = Path(model.name)
        if not FORMATS[self.format].suffix:
            return model.parent / self.format
        ending = "export" if self.format == "keras" else self.quantize
        return model.with_name(f"{model.stem}{'' if ending == 'none' else '-' + ending}{FORMATS[self.format].suffix}")


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        write: writes a model to a path for a target, with calibration images if the target needs them; the file says
            how images are prepared.
        packages: optional packages that write and check the format; the extra of the format's name installs them.
        temporary: copies of the float32 weights that a conversion writes into the folder of temporary files at most.
        model: the name of the model file in a folder that is no model itself.
    """

    suffix: str
    quantizations: tuple[str, ...]
    write: Callable[[keras.Model, Path, Target, Split | None, ImagePreparation], None]
    fixed_batch_size: bool = False
    packages: tuple[str, ...] = ()
    temporary: int = 0
    model: str = ""


def _write_saved_model(
    model: keras.Model, path: Path, target: Target, images: Split | None, preparation: ImagePreparation
) -> None:
    saved_model.write(model, path if is_version(path) else path / FIRST, preparation)


def _write_tflite(
    model: keras.Model, path: Path, target: Target, images: Split | None, preparation: ImagePreparation
) -> None:
    size = target.batch_size or 1
    tflite.write(model, path, target.quantize, batch_size=size, images=images, preparation=preparation)


def _write_onnx(
    model: keras.Model, path: Path, target: Target, images: Split | None, preparation: ImagePreparation
) -> None:
    from alexnet_keras.export import onnx  # imports an optional package

    onnx.write(model, path, target.quantize, images, preparation)


def _write_web(
    model: keras.Model, path: Path, target: Target, images: Split | None, preparation: ImagePreparation
) -> None:
    web.write(model, path, target.quantize, images, preparation)


FORMATS = {
    "saved_model": Format("", QUANTIZATIONS["saved_model"], _write_saved_model),
    "tflite": Format(".tflite", QUANTIZATIONS["tflite"], _write_tflite, fixed_batch_size=True, temporary=1),
    "onnx": Format(".onnx", QUANTIZATIONS["onnx"], _write_onnx, packages=("onnx", "onnxruntime"), temporary=2),
    "keras": Format(".keras", QUANTIZATIONS["keras"], lambda model, path, *_: model.save(path)),
    "web": Format("", QUANTIZATIONS["web"], _write_web, temporary=1, model=web.MODEL),
}


def every_target() -> list[Target]:
    """The targets whose packages are installed, except the web page, which holds a TFLite file."""
    return [
        Target(format=name, quantize=quantize)
        for name, form in FORMATS.items()
        if name != "web" and all(map(importlib.util.find_spec, form.packages))
        for quantize in form.quantizations
    ]


def check_export(model: Path, target: Target, output: Path, calibration: str | None) -> None:
    """Check what can be checked before the data is read and the model converted."""
    if model.suffix not in MODEL_READERS:
        raise InputError(f"{model} is no Keras model; export a run, a .keras or an .alexnet file.")
    if calibration is not None and not target.calibrated:
        raise OptionError(
            f"`calibration` {calibration} has no effect: only `quantize` {' and '.join(CALIBRATED)} are calibrated; "
            "leave it out."
        )
    suffix = FORMATS[target.format].suffix
    atomic_files.check_output(output, (suffix,) if suffix else ())
    read_report(output.parent)


def export(
    model: Path,
    target: Target,
    output: Path,
    dataset: DataSet,
    calibration: DataSet | None = None,
    force: bool = False,
    *,
    any_classes: bool = False,
) -> dict[str, Any]:
    """Write a model in another format, and compare it with the Keras model on validation images.

    Args:
        output: the file or folder to write. Its results are added to export.json in the same folder, under its name. A
            SavedModel is version 1 in this folder, unless the name of the folder is the number of a version.
        dataset: data with the model's classes; the predictions for up to 500 of its validation images are compared.
        calibration: data whose training images calibrate the target if it needs them; `dataset` by default.
        any_classes: whether `dataset` may have other classes; then only the probabilities are compared.

    Returns:
        A dictionary with the values of the entry of export.json, and `path`.
    """
    check_export(model, target, output, None if calibration is None else calibration.name)
    source = load_model(model)
    original = from_keras(source, str(model))
    if not any_classes:
        check_classes(original, dataset)
    calibration = (calibration or dataset) if target.calibrated else None
    images = None if calibration is None else calibration_images(calibration)
    form = FORMATS[target.format]
    needed = 4 * source.count_params() + GRAPH_BYTES
    disk.check_free(output, needed, f"The export {output}")
    disk.check_free(Path(tempfile.gettempdir()), form.temporary * needed, f"The conversion to {target.format}")
    try:
        with atomic_files.appear_whole(output, owner=output.parent) as partial:
            with stage(f"Writing {output.name}"):
                form.write(source, partial, target, images, preparation_of(model, input_size(source)))
            exported = dataclasses.replace(load_predictor(partial / form.model), name=str(output))
            parity = check_parity(original, exported, dataset.validation, same_classes(original, dataset))
            shortcomings = parity.shortcomings(BOUNDS[target.quantize])
            if shortcomings and not force:
                raise RunError(
                    f"{output.name} fails the parity check with its Keras model on {parity.num_images} images: "
                    f"{'; '.join(shortcomings)}. It was removed; keep it with `force=True`."
                )
            size = bytes_of(partial)
            entry = {
                **dataclasses.asdict(target),
                "batch_size": target.batch_size or (1 if form.fixed_batch_size else None),
                "bytes": size,
                **dataclasses.asdict(parity),
                "shortcomings": shortcomings,
                "calibration": None if calibration is None else calibration.name,
                "provenance": provenance(describe()),
            }
            # Before the export appears: a process that is killed between the two leaves no export without its entry.
            entries = {**read_report(output.parent), output.name: entry}
            atomic_files.write_json(output.parent / REPORT, entries, owner=output.parent)
    except (OSError, tf.errors.ResourceExhaustedError) as error:  # the disk may be full
        raise atomic_files.unwritable(output, error) from error
    return {"path": str(output), **entry}


def read_report(folder: Path) -> dict[str, Any]:
    """Return the entries of export.json whose exports still exist."""
    report = folder / REPORT
    try:
        entries = read_json(report) if report.exists() else {}
    except InputError as error:
        raise InputError(f"{report} is damaged; remove it, and the next export writes a new one.") from error
    return {name: entry for name, entry in entries.items() if (folder / name).exists()}
