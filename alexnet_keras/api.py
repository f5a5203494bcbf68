"""Functions that do what the commands do: train, evaluate, predict, export and report.

Modules that need TensorFlow are imported when a function is called.
"""

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_keras.config import pretrained
from alexnet_keras.config.ranges import Count, Index, check_value, wanted
from alexnet_keras.config.recipes import RECIPES, network_of, recipe
from alexnet_keras.config.serialization import BEFORE
from alexnet_keras.config.training import (
    CHECKPOINT_MINUTES,
    CHOSEN_BY_NAME,
    SHAPES,
    SOURCE_FIELDS,
    SPLITS,
    DataSource,
    Source,
    TrainConfig,
)
from alexnet_keras.inference.predictor import SUFFIXES
from alexnet_keras.inference.versions import find_saved_model
from alexnet_keras.system.atomic_files import check_output
from alexnet_keras.system.errors import InputError, OptionError, RunError, remedy_of_name
from alexnet_keras.system.input_files import check_regular, read_json
from alexnet_keras.system.native_stderr import import_keras
from alexnet_keras.system.tables import check_table

if TYPE_CHECKING:
    import keras

    from alexnet_keras.export.export import Target
    from alexnet_keras.inference.evaluation import Evaluation
    from alexnet_keras.inference.predictor import Predictor
    from alexnet_keras.reproduction.experiment import Reproduction

# Of trained weights and not of images. Files of PyTorch are also called .bin, .ckpt and .pth.tar.
WEIGHT_SUFFIXES = (".bin", ".caffemodel", ".ckpt", ".h5", ".npy", ".npz", ".pt", ".pth", ".safetensors", ".tar")


def recipes() -> dict[str, TrainConfig]:
    """Return the configuration of every recipe, by name.

    ```python
    list(alexnet_keras.recipes())  # ['quickstart', 'original', 'paper', ...]
    alexnet_keras.recipes()["paper"].learning_rate  # 0.01
    ```
    """
    return {name: make() for name, make in RECIPES.items()}


@dataclass(frozen=True)
class TrainResult:
    """A finished training run.

    Attributes:
        run: folder of the run: configuration, history, model, evaluation and TensorBoard logs.
        evaluation: errors of the best epoch's model on the validation images.
    """

    run: Path
    evaluation: "Evaluation"

    @property
    def config(self) -> TrainConfig:
        """The configuration of the run."""
        from alexnet_keras.training.run_folder import read_config

        return read_config(self.run)[0]

    @property
    def history(self) -> list[dict[str, float]]:
        """The metrics of each epoch, as in history.csv."""
        from alexnet_keras.training.run_folder import read_history

        return read_history(self.run)

    @property
    def model(self) -> "keras.Model":
        """The model of the best epoch, loaded from the run."""
        from alexnet_keras.model.loading import load_model

        return load_model(find_model(self.run))


def train(
    data: str | Path | None = None,
    recipe: str | None = None,
    run: str | Path | None = None,
    *,
    variant: str | None = None,
    network: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    devices: str = "auto",
    layout: str = "replicas",
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    **changes: Any,
) -> TrainResult:
    """Train a network and write a run folder.

    ```python
    result = alexnet_keras.train("shapes", epochs=6, batch_size=64)
    print(result.run, result.evaluation.top1_error)
    ```

    Args:
        data: `"shapes"`, `"imagenet"`, a folder of images, a table (.csv), or the name of a TFDS data set; `None` for
            the recipe's data set.
        recipe: name of a recipe; `None` for `"quickstart"`.
        run: folder to write; `None` for a new folder in saved_models/.
        variant: name of the network; `None` for the recipe's network.
        network: fields of the network to change, such as `{"activation": "tanh"}`.
        resume: continue the run from its newest checkpoint. The other arguments must agree with the run, except that
            `epochs` may be more if the schedule is `plateau` or `steps`.
        overwrite: replace an existing run.
        checkpoint_minutes: minutes after which a checkpoint is written at the latest. The ends of epochs get additional
            ones while saving takes at most 5% of the time.
        devices: `"auto"` (all GPUs, otherwise the CPU), `"gpu:2"`, `"gpu:0,1"` or `"cpu:2"`.
        layout: `"replicas"` (the whole network on each device) or `"two-tower"` (one tower on each of two devices).
        callbacks: Keras callbacks that observe the training, such as loggers. They are called after those of this
            function. They cannot stop the training, and are not stored: pass them again with `resume`.
        **changes: other fields of the configuration (`alexnet_keras.config.training.TrainConfig`), such as
            `epochs=14`, `batch_size=64`, `validation_split=0.1`, `fold="2/5"` or `deterministic=True`.

    Returns:
        The run folder and the errors of its model.

    Raises:
        OptionError: an argument is unknown, out of range, or contradicts the resumed run.
        InputError: the data or the run folder cannot be used.
        RunError: the training cannot continue.
    """
    if data is not None:
        changes["data"] = data
    changes = {name: str(value) if isinstance(value, Path) else value for name, value in changes.items()}
    config, given = configure_run(
        recipe, run, variant=variant, network=network, resume=resume, overwrite=overwrite, **changes
    )
    options = {"resume": resume, "overwrite": overwrite, "devices": devices, "layout": layout}
    options["callbacks"] = tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
    return run_training(config, given, checkpoint_minutes=checkpoint_minutes, **options)


def run_training(config: TrainConfig, run: Path | None, **options: Any) -> TrainResult:
    """Train a configuration in the folder `run`, or in a new one for `None`; `options` are those of `RunOptions`."""
    import_keras()
    from alexnet_keras.training.run_folder import reserve
    from alexnet_keras.training.train import train as train_network

    with reserve(run, config) as folder:
        return TrainResult(folder, train_network(config, folder, **options))


def configure_run(
    recipe_name: str | None = None,
    run: str | Path | None = None,
    *,
    variant: str | None = None,
    network: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **changes: Any,
) -> tuple[TrainConfig, Path | None]:
    """Return the configuration and the folder that `train` uses for its arguments; `None` is a new folder."""
    from alexnet_keras.training import run_folder

    network = network or {}
    if changes.get("weights") == pretrained.NAME:
        changes["weights"] = str(pretrained.file_of(Path(pretrained.NAME)))
    known = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in CHOSEN_BY_NAME]
    for name in changes:
        if name not in known:
            raise OptionError(f"The configuration has no field {name!r}; {remedy_of_name(name, known)}")
    if resume:
        if overwrite:
            raise OptionError("`resume` and `overwrite` exclude each other; omit one of them.")
        if run is None:
            raise OptionError("`resume=True` needs the folder of the run to continue; name it with `run`.")
        config, _ = run_folder.read_config(Path(run))
        if "epochs" in changes:
            config = _lengthened(Path(run), config, changes["epochs"])
        given = {"recipe": recipe_name, "variant": variant}
        _check_agreement(Path(run), config, {name: value for name, value in given.items() if value}, changes, network)
        return config, Path(run)
    config = recipe(recipe_name or "quickstart", changes.get("epochs"))
    if variant or network:
        changed = network_of(config, variant, **network)
        changes = {"architecture": changed, "input_size": changed.input_size, **changes}
    config = dataclasses.replace(config, **changes)  # all at once, because fields must agree with each other
    return config, None if run is None else Path(run)


def _lengthened(run: Path, config: TrainConfig, epochs: int) -> TrainConfig:
    """Return the configuration of a run with more epochs, or as it is if these are not more."""
    from alexnet_keras.training.run_folder import MODEL

    longer = dataclasses.replace(config, epochs=epochs)
    if longer.epochs <= config.epochs:
        return config
    if config.schedule.ends_with_run:
        raise OptionError(
            f"`epochs={epochs}` cannot continue the run {run}: its schedule {config.schedule.name} lowers the learning "
            f"rate to 0 within {config.epochs} epochs. Train another `run` with `weights={run / MODEL}`; its last "
            "layer then gets random initial weights."
        )
    return longer


def _check_agreement(run: Path, config: TrainConfig, *arguments: Mapping[str, Any]) -> None:
    """Raise `OptionError` if an argument differs from the configuration of a run."""
    recorded = {**vars(config.architecture), **vars(config), "variant": config.architecture.name}
    for name, value in (item for values in arguments for item in values.items()):
        same = value == recorded[name] or (isinstance(value, str) and _absolute(value) == recorded[name])
        if not same:
            raise OptionError(
                f"`{name}={value}` contradicts the run {run}, which has {recorded[name]}; "
                "omit it, or start another run."
            )


def _absolute(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))  # unlike `Path.resolve`, also of a loop of links


def evaluate(
    model: Any,
    data: Source | None = None,
    crops: int = 1,
    *,
    output: str | Path | None = None,
    report: str | Path | None = None,
    allow_all_operations: bool = False,
) -> "Evaluation":
    """Measure the top-1 and top-5 error of a model, or of an average of models, on validation images.

    ```python
    result = alexnet_keras.evaluate("saved_models/RUN", "imagenette", crops=10, report="report")
    print(result.top1_error, result.top1_interval)
    ```

    Args:
        model: folder of a run, a model file of any format, or a Keras model of this package; or a list of these, whose
            probabilities are averaged.
        data: the data set, as in `train`; `None` for the data set of the model's run.
        crops: 1 for the central crop; 10 for the average over the ten crops of section 4.1 of the paper.
        output: a .csv, .json or .parquet to write, with a row for each image.
        report: a folder to write, with the errors, the models, the classes and the confusion matrix as JSON and CSV.
        allow_all_operations: load a SavedModel even if its operations may read and write files or run code.

    Returns:
        The errors as fractions, their 95% intervals, and the number of images. With several models, `models` has the
        errors of each.

    Raises:
        OptionError: there is no such model or data set, or `crops` is neither 1 nor 10.
        InputError: a model, the data or an output cannot be used, or the classes differ.
        RunError: a model returns numbers that are no probabilities.
    """
    models = list(model) if isinstance(model, list | tuple) else [model]
    if not models:
        raise OptionError("`model` is an empty list; name at least one model.")
    source = _source(data, *models)
    options: dict[str, Any] = {"allow_all_operations": allow_all_operations}
    options |= {name: path and Path(path) for name, path in (("output", output), ("report", report))}
    return measure(models, source, crops, **options)[0]


def measure(
    models: Sequence[Any],
    source: DataSource,
    crops: int = 1,
    *,
    output: Path | None = None,
    report: Path | None = None,
    allow_all_operations: bool = False,
) -> "tuple[Evaluation, dict[str, Any]]":
    """Do what `evaluate` does; return the evaluation and the values of its report."""
    import_keras()
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.inference import evaluate as evaluation_of
    from alexnet_keras.inference import report as reporting
    from alexnet_keras.system.hardware import describe
    from alexnet_keras.system.provenance import provenance

    if output is not None:
        check_table(output)
    if report is not None:
        check_output(report, argument="report")
    predictors = [_predictor(model, allow_all_operations) for model in models]
    dataset = open_dataset(source)
    for predictor in predictors:
        evaluation_of.check_classes(predictor, dataset)
    evaluation = evaluation_of.evaluate(predictors, dataset.validation, crops)
    facts = [model_facts(model, predictor) for model, predictor in zip(models, predictors, strict=True)]
    values = reporting.report(evaluation, facts, source, provenance(describe()))
    if evaluation.answers is not None:
        if output is not None:
            reporting.write_answers(output, evaluation.answers)
        if report is not None:
            reporting.write_report(report, values, evaluation.answers)
    return evaluation, values


def model_facts(model: Any, predictor: "Predictor") -> dict[str, Any]:
    """Say which model is used: `path`, `variant` and, in a run, `recipe`, `seed`, and the best epoch of `epochs`."""
    from alexnet_keras.training.run_folder import facts_of

    facts = facts_of(find_model(Path(model))) if isinstance(model, str | Path) else {}
    return {"path": predictor.name, "variant": predictor.variant, **facts}


def predict(
    model: Any, images: Any, top: int = 5, *, on_error: str = "stop", allow_all_operations: bool = False
) -> list[dict[str, Any]]:
    """Classify images.

    ```python
    for result in alexnet_keras.predict("saved_models/RUN", ["cat.jpg", "dog.jpg"], top=1):
        print(result["file"], result["predictions"][0]["label"])
    ```

    Args:
        model: folder of a run, a model file of any format, or a Keras model of this package.
        images: path of an image file; a folder, for all images in it; a pattern such as `"photos/*.jpg"`;
            `(height, width, 3)` uint8 RGB, 0 to 255; `bytes` of an image file; or a sequence of these.
        top: number of classes for each image, at least 1.
        on_error: `"stop"` at an image that cannot be used, or `"report"` it in its result.
        allow_all_operations: load a SavedModel even if its operations may read and write files or run code.

    Returns:
        For each image a dictionary: `file` is its path (`"-"` for bytes, `None` for an array), and `predictions` lists
        `class`, `label` (the class name in words) and `probability`, the most probable class first. `model` is the path
        of the model.
        An image that cannot be used has no predictions, but an `error`, if `on_error` is `"report"`.

    Raises:
        OptionError: there is no such model, no file matches a pattern, or `top` is out of its range.
        InputError: the model or an image cannot be used.
        RunError: the model returns numbers that are no probabilities.
    """
    from alexnet_keras.inference.classify import classify
    from alexnet_keras.inference.image_arguments import find_images
    from alexnet_keras.inference.predictor import load_for_few_images

    check_value("`top`", Count, top)
    if on_error not in ("stop", "report"):
        raise OptionError(f"`on_error` must be 'stop' or 'report', got {on_error!r}.")
    model = find_model(Path(model)) if isinstance(model, str | Path) else model
    if isinstance(images, str | Path | bytes) or getattr(images, "ndim", None) == 3:
        images = [images]
    found: list[Any] = []
    for image in images:
        found += find_images(image, Counter()) if isinstance(image, str | Path) else [image]
    predictor = load_for_few_images(model, len(found)) if isinstance(model, Path) else None
    predictor = predictor or _predictor(model, allow_all_operations)
    results = []
    for result in classify(predictor, found, top):
        if on_error == "stop" and "error" in result:
            raise InputError(result["error"])
        results.append(result)
    return results


def export(
    model: Any,
    format: str,  # noqa: A002 - as the option
    output: str | Path | None = None,
    *,
    quantize: str | None = None,
    data: Source | None = None,
    calibration: Source | None = None,
    batch_size: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a model in another format and compare it with the Keras model.

    ```python
    report = alexnet_keras.export("saved_models/RUN", "tflite", quantize="int8")
    print(report["path"], report["top1_agreement"])
    ```

    Args:
        model: folder of a run, a `.keras` or `.alexnet` file, a Keras model of this package, or `"imagenette"` for the
            trained network in this package.
        format: `"saved_model"`, `"tflite"`, `"onnx"`, `"keras"`, or `"web"` for a web page.
        output: the file or folder to write; `None` for a name beside the model, or in the working directory for
            `"imagenette"`. For a Keras model, name `output`.
        quantize: `"none"`, `"float16"`, `"dynamic"`, `"int8"` or `"int8-only"`; `None` for `"none"`, but in a web page
            for `"int8"`, or for `"dynamic"` if there are no images that calibrate it.
        data: the data set on whose validation images both are compared; `None` for the run's data set. A model without
            a run is then compared on the images of `calibration` or, without their classes, on those of `"shapes"`.
        calibration: the data set whose training images calibrate int8; `None` for the run's data set, or otherwise
            `data`.
        batch_size: number of images that a TFLite file takes in one call, 1 to 64; `None` for 1.
        force: keep an export whose errors or probabilities differ too much from those of the Keras model.

    Returns:
        The path, the size in bytes and the results of the comparison, as in export.json. The errors are `None` if the
        images have other classes.

    Raises:
        OptionError: an argument is unknown or does not fit the format, or int8 has no images that calibrate it.
        InputError: the model, the data or `output` cannot be used.
        RunError: the export differs too much from the Keras model and `force` is not set.
    """
    import_keras()
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.export import export as exporting

    if not isinstance(model, str | Path):
        if output is None:
            raise OptionError("A model in memory does not belong to a run; name `output`.")
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            model.save(path)
            options: dict[str, Any] = {"quantize": quantize, "batch_size": batch_size, "force": force}
            return export(path, format, output, data=data, calibration=calibration, **options)
    path = find_model(Path(model))
    source = None if data is None and not in_run(path) else _source(data, path)
    images = None if calibration is None else _source(calibration, path)
    if format == "web" and quantize is None and not (source or images):
        quantize = "dynamic"  # the best of those that need no images
    target = exporting.Target(format=format, quantize=quantize or "", batch_size=batch_size)
    output = Path(output) if output is not None else target.default_path(path)
    exporting.check_export(path, target, output, None if calibration is None else str(calibration))
    _check_calibration(path, target, source or images)
    dataset = open_dataset(source or images or SHAPES)
    if images is None and target.calibrated and in_run(path) and data_of(path) != source:
        images = data_of(path)
    calibrating = None if images is None else open_dataset(images)
    return exporting.export(path, target, output, dataset, calibrating, force, any_classes=source is None)


def _check_calibration(model: Path, target: "Target", source: DataSource | None) -> None:
    """Raise `OptionError` if a target needs calibration images and there are none."""
    if target.calibrated and source is None:
        raise OptionError(
            f"`quantize` {target.quantize} needs images that calibrate it, and {model} is not in the folder of a run; "
            "name a data set with `calibration` or `data`."
        )


def export_all(
    model: Path, output: Path | None = None, *, calibration: Any = None, **options: Any
) -> Iterator[dict[str, Any]]:
    """Write a model in every format whose packages are installed, except the web page.

    Args:
        model: as in `export`.
        output: a folder for all files; `None` for the folder of the model.
        calibration: as in `export`, for the formats that are calibrated.
        **options: `data` and `force`, as in `export`.

    Yields:
        For each format what `export` returns. An export that fails the parity check and is not kept has `error`, the
        message, instead of the results.
    """
    import_keras()
    from alexnet_keras.export import export as exporting

    path = find_model(model)
    outputs = {target: target.default_path(path) for target in exporting.every_target()}
    if output is not None:
        outputs = {target: output / name.name for target, name in outputs.items()}
    for target, name in outputs.items():
        exporting.check_export(path, target, name, None)
        _check_calibration(path, target, options.get("data") or calibration or (in_run(path) and data_of(path)) or None)
    for target, name in outputs.items():
        images = calibration if target.calibrated else None
        try:
            yield export(path, target.format, name, quantize=target.quantize, calibration=images, **options)
        except RunError as error:
            yield {"path": str(name), **dataclasses.asdict(target), "error": str(error)}


def report(run: str | Path | None = None, data: Source | None = None, output: str | Path | None = None) -> Path:
    """Write an HTML file about a finished run. It can be read without an internet connection and has no script.

    It has the settings, the curves, the errors with their intervals, the confusion matrix, the best and the worst
    predictions, the filters, nearest neighbors, the exports, the commands and the environment. Needs matplotlib.

    ```python
    path = alexnet_keras.report("saved_models/RUN")
    ```

    Args:
        run: folder of the run; `None` for the newest run in saved_models/.
        data: the data set on whose validation images the network is measured; `None` for the data set of the run.
        output: the .html file to write; `None` for report.html in the folder of the run.

    Returns:
        The path of the file.

    Raises:
        OptionError: there is no such run or data set, or `output` has another suffix.
        InputError: the run is not finished, the run, the data or `output` cannot be used, the data set has other
            classes or a single one, or matplotlib is not installed.
        RunError: the model returns numbers that are no probabilities.
    """
    from alexnet_keras import figures

    _ = figures.save  # fails at once without matplotlib
    run = finished_run(None if run is None else Path(run))
    output = run / "report.html" if output is None else Path(output)
    check_output(output, (".html",))
    import_keras()
    from alexnet_keras.figures.report import write

    write(run, _source(data, run), output)
    return output


def reproduce(
    name: str,
    data: str | Path | None = None,
    *,
    seeds: int | None = None,
    epochs: int | None = None,
    output: str | Path | None = None,
    picture: str | Path | None = None,
) -> "Reproduction":
    """Repeat an experiment of the paper: train the networks that are missing, compare them, and draw a picture.

    Each network is a run in its own folder. A call that was stopped continues where it was, and finished runs are not
    trained again. Needs matplotlib.

    ```python
    result = alexnet_keras.reproduce("figure-1", "cifar10")
    print(result.ratio, result.published_ratio)
    ```

    Args:
        name: `"figure-1"` (ReLU against tanh), `"cifar-18"` (the small network of the 2012 code) or `"ablations"`.
        data: the data set, as in `train`; `None` for that of the experiment, `"cifar10"` or `"imagenette"`.
        seeds: the number of seeds of each network, to which those in `output` that are finished are added; `None` for
            that of the experiment.
        epochs: the epochs of each run; `None` for those of the experiment.
        output: the folder of the runs, the results and the picture; `None` for a folder in saved_models/ with the name
            of the experiment.
        picture: the .png or .svg file of the picture; `None` for a .png file in `output`.

    Returns:
        The measurements of each network, as in the .json file in `output`.

    Raises:
        OptionError: there is no such experiment or data set, or an argument is out of its range.
        InputError: the data or `output` cannot be used, or matplotlib is not installed.
        RunError: a training cannot continue. One whose loss is not finite only leaves its value out.
    """
    from alexnet_keras import figures
    from alexnet_keras.config.experiments import experiment
    from alexnet_keras.training.run_folder import ROOT

    chosen = experiment(name)
    _ = figures.save  # fails at once without matplotlib
    import_keras()
    from alexnet_keras.reproduction.experiment import Reproducer
    from alexnet_keras.reproduction.picture import write

    folder = ROOT / name if output is None else Path(output)
    source = None if data is None else str(data)
    reproducer = Reproducer(name, chosen, folder, source, seeds, epochs, None if picture is None else Path(picture))
    result = reproducer.reproduce()
    write(result, reproducer.picture)
    return result


def finished_run(path: Path | None) -> Path:
    """Return the folder of a finished run; `None` is the newest run."""
    from alexnet_keras.training.run_folder import EVALUATION

    run = existing_run(path)
    if not (run / EVALUATION).is_file():
        raise InputError(
            f"The run {run} is not finished, so it has no results; wait until its training ends, or continue it with "
            f"`run={run}` and `resume=True`."
        )
    find_model(run)
    return run


def existing_run(path: Path | None) -> Path:
    """Return the folder of a run, finished or not; `None` is the newest run that has a model."""
    from alexnet_keras.training.run_folder import read_config

    run = newest_run() if path is None else path
    read_config(run)
    return run


def newest_run() -> Path:
    """Return the folder of the run whose model is the newest in saved_models/."""
    from alexnet_keras.training.run_folder import CONFIG, MODEL, ROOT

    models = [path for path in ROOT.glob(f"*/{MODEL}") if path.is_file()]
    if not models:
        begun = sorted(path.parent for path in ROOT.glob(f"*/{CONFIG}"))
        if begun:
            raise OptionError(
                f"The run {begun[-1]} has no model yet, and there is no other one; continue it with "
                f"`run={begun[-1]}` and `resume=True`."
            )
        raise OptionError(f"There is no run in {ROOT}; name a model, or make one with 'alexnet-keras train'.")
    return max(models, key=lambda path: (path.stat().st_mtime_ns, path)).parent


def run_or_pretrained() -> Path:
    """Return the model file of the newest run, or of the trained network in the package if there is no run."""
    try:
        run = newest_run()
    except OptionError:
        return pretrained.FILE
    return find_model(run)


def find_model(path: Path | None) -> Path:
    """Return the model file that a run's folder or the path of a model stands for; `None` is the newest run.

    `imagenette` is the trained network in the package, unless there is a file or folder of that name.
    """
    from alexnet_keras.training.run_folder import MODEL, READY

    path = newest_run() if path is None else pretrained.file_of(path)
    if not os.path.lexists(path):
        raise OptionError(
            f"There is no model {path}; give a run, a SavedModel, or a file that ends in {', '.join(SUFFIXES)}."
        )
    hint = f" The network in the package is {pretrained.FILE}." if path == Path(pretrained.NAME) else ""
    if path.is_dir() and find_saved_model(path) is None:
        if (path / READY).exists():  # the folder has files of two runs
            raise InputError(
                f"A new run is replacing the files of {path}; wait a moment, or resume its training with `resume=True`."
            )
        if not (path / MODEL).is_file():
            raise InputError(
                f"The folder {path} is neither a run with {MODEL!r} nor a SavedModel; name the folder of a run.{hint}"
            )
        return path / MODEL
    if not path.is_dir():
        check_regular(path)
        if path.suffix not in SUFFIXES:
            raise InputError(
                f"{path} is no model; give a run, a SavedModel, or a file that ends in {', '.join(SUFFIXES)}, or make "
                f"a model of trained weights by 'alexnet-keras weights import'.{hint}"
            )
    return path


def is_model(path: Path) -> bool:
    """Return whether a path is that of a run, a SavedModel, a model file or trained weights, and not that of images."""
    from alexnet_keras.training.run_folder import CONFIG, MODEL

    if path.is_dir():
        return any(os.path.lexists(path / name) for name in (CONFIG, MODEL)) or find_saved_model(path) is not None
    return pretrained.file_of(path).suffix in SUFFIXES + WEIGHT_SUFFIXES


def in_run(model: Path) -> bool:
    """Return whether a model file is in the folder of a run."""
    from alexnet_keras.training.run_folder import CONFIG

    return (model.parent / CONFIG).is_file()


def data_of(model: Path) -> DataSource:
    """Return the data set of the run to which a model file belongs."""
    from alexnet_keras.training.run_folder import CONFIG

    values = read_json(model.parent / CONFIG) if in_run(model) else {}
    if not isinstance(values.get("data"), str):
        raise OptionError(f"The model {model} is not in the folder of a run; name its data set with `data`.")
    values = {**BEFORE, **values}
    where = {name: values[name] for name in SOURCE_FIELDS if values.get(name) is not None}
    measured = values.get("measured")
    if isinstance(measured, dict):
        counts = tuple(measured.get(f"{split}_images", -1) for split in SPLITS)
        where["run_images"] = None if wanted(tuple[Index, ...], counts) else counts
    return DataSource(name=values["data"], **where)


def data_of_all(models: Sequence[Path]) -> DataSource:
    """Return the data set of the runs to which model files belong."""
    sources = list(dict.fromkeys(map(data_of, models)))
    if len(sources) > 1:
        names = [
            f"{name}={value}"
            for source in sources[:2]
            for name, value in {"name": source.name, **source.options()}.items()
            if value is not None
        ]
        raise OptionError(f"The models have different data sets ({', '.join(names)}); name one with `data`.")
    return sources[0]


def _source(data: Source | None, *models: Any) -> DataSource:
    if isinstance(data, DataSource):
        return data

    def recorded() -> DataSource:
        if not models or not all(isinstance(model, str | Path) for model in models):
            raise OptionError("A model in memory does not belong to a run; name its data set with `data`.")
        return data_of_all([find_model(Path(model)) for model in models])

    return recorded() if data is None else named_source(str(data), recorded)


def named_source(name: str, recorded: Callable[[], DataSource]) -> DataSource:
    """Return a data set by name.

    If the run used this data set, keep the division that the run recorded. Otherwise use the default division. In both
    cases, prepare images as in the run.
    """
    with contextlib.suppress(OptionError, InputError):  # the model is in no run
        source = recorded()
        if _absolute(name) == _absolute(source.name):
            return source
        return DataSource(name=name, upright=source.upright, stored_size=source.stored_size)
    return DataSource(name=name)


def _predictor(model: Any, allow_all_operations: bool) -> "Predictor":
    from alexnet_keras.inference import predictor

    if isinstance(model, predictor.Predictor):
        return model
    if isinstance(model, str | Path):
        return predictor.load_predictor(find_model(Path(model)), allow_all_operations)
    from alexnet_keras.inference.keras_model import from_keras

    return from_keras(model)
