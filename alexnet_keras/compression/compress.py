"""Compress the network of a run: prune, retrain, cluster and encode its weights (Han, Mao and Dally 2015)."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.compression.pruning import PAPER_KEPT, kernels, prune
from alexnet_keras.compression.retraining import retrain
from alexnet_keras.compression.weight_clustering import cluster
from alexnet_keras.config.layer_names import HIDDEN_LAYERS
from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import DataSource
from alexnet_keras.data import reading
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.export import tflite
from alexnet_keras.inference.evaluate import evaluate
from alexnet_keras.inference.evaluation import Evaluation
from alexnet_keras.inference.keras_model import from_keras, input_size
from alexnet_keras.inference.predictor import Predictor, load_predictor, preparation_of
from alexnet_keras.model import archive
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files, file_list
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.disk import announce
from alexnet_keras.system.errors import InputError, Interrupted, OptionError, check
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.input_files import read_json
from alexnet_keras.system.provenance import provenance
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import run_folder

REPORT = "compression.json"
PRUNED = "model-pruned.keras"  # exists from pruning to the end of the compression
ARCHIVE = f"model{archive.SUFFIX}"
TFLITE = "model-pruned.tflite"

VALUES = {"conv": 2**8, "fc": 2**5}  # different values that a kernel may have: 8 and 5 bits (section 5.2)
# Bytes of AlexNet on ImageNet (table 1 and, for the stages, table 4), and its top-1 error where the tables have one.
PAPER: dict[str, tuple[float, float | None]] = {
    "dense": (240e6, 0.4278),
    "pruned": (240e6 / 9, None),
    "clustered": (240e6 / 27, None),
    "coded": (6.9e6, 0.4278),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a compression.

    Attributes:
        kept: fraction of the weights of fc6 and fc7 to keep, above 0 and at most 1; the other layers keep the
            fractions of Han et al.
    """

    kept: float
    epochs: int
    source: DataSource

    def __post_init__(self) -> None:
        check(0 < self.kept <= 1, f"`kept` must be above 0 and at most 1, got {self.kept}.")
        check(self.epochs >= 0, f"`epochs` must be 0 or more, got {self.epochs}.")

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "source": {"name": self.source.name, **self.source.options()}}


@dataclass
class Record:
    """The state of an unfinished compression, which is stored in compression.json until the last step is done.

    Attributes:
        epoch: number of finished epochs of retraining.
        errors: stage -> the `Evaluation` of the network after it, as a dictionary.
        bytes: stage -> the size of the network after it.
    """

    settings: dict[str, Any]
    done: list[str] = field(default_factory=list)
    epoch: int = 0
    errors: dict[str, dict[str, Any]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, run: Path, settings: Settings) -> Self:
        """Read the record of an unfinished compression, or begin one."""
        begun = cls(settings=settings.to_dict())
        if not (run / REPORT).exists():
            return begun
        path = run / REPORT
        values = read_json(path)
        if "stages" in values:
            raise InputError(
                f"{run} is compressed already, into {ARCHIVE} and {TFLITE}; replace them with `overwrite=True`."
            )
        if values.get("settings") != begun.settings:
            raise InputError(
                f"The unfinished compression of {run} has the settings {values.get('settings')}; resume it with these, "
                "or begin again with `overwrite=True`."
            )
        if "done" not in values:  # version 0.1.0 kept no list of steps
            values["done"] = ["measure", "prune"] if (run / PRUNED).exists() else []
        try:
            record: Self = build(cls, values, REPORT)
            record.check(settings.epochs)
        except OptionError as error:
            raise InputError(f"{path} is damaged: {error} Begin again with `overwrite=True`.") from error
        return record

    def check(self, epochs: int) -> None:
        names = [name for name, _, _ in STEPS]
        check(self.done == names[: len(self.done)], f"the steps {self.done} are not the first ones.")
        check(0 <= self.epoch <= epochs, f"`epoch` {self.epoch} is not between 0 and {epochs}.")
        stages = {stage for name, _, measured in STEPS if name in self.done for stage in measured}
        sizes = {"dense", "pruned", "clustered", "coded"} if "encode" in self.done else set()
        check(stages <= set(self.errors) and sizes <= set(self.bytes) <= {*self.errors}, "results are missing.")
        for values in self.errors.values():
            Evaluation.from_dict(values)


def compress(run: Path, settings: Settings, overwrite: bool = False) -> dict[str, Any]:
    """Compress the model of a run into `model.alexnet` and a sparse `model-pruned.tflite` beside it.

    The state is saved after each step and each epoch of retraining. Repeat the call to resume a compression that was
    stopped.

    Args:
        run: the folder of a run that has a model.
        overwrite: whether to replace an existing compression, finished or not.

    Returns:
        The content of compression.json: `settings`; `stages` (dense, pruned, clustered, coded, tflite) with bytes and
        errors; `layers` with the weights that were kept; `provenance`.
    """
    with run_folder.claim(run, resume=True):
        for name in (REPORT, PRUNED, ARCHIVE, TFLITE):
            if (run / name).exists() and name not in run_folder.owned(run):
                raise InputError(f"{run / name} was not written by this program; move it to another folder.")
        if overwrite:
            for name in (REPORT, PRUNED, ARCHIVE, TFLITE):
                (run / name).unlink(missing_ok=True)
        record = Record.open(run, settings)
        try:
            with Signals():
                return _Compression(run, settings, record).finish()
        except Interrupted as error:
            raise Interrupted(f"{error} Finished steps are kept; the same command resumes.", error.signal) from error


def cluster_kernels(model: keras.Model) -> None:
    """Cluster the weights of each kernel of a pruned model, so that it has at most `VALUES` different values."""
    for _, kernel in kernels(model).values():
        values = VALUES["conv" if len(kernel.shape) == 4 else "fc"]
        kernel.assign(cluster(np.asarray(kernel.numpy()), values))


class _Compression:
    """The steps of a compression, and the model after the finished steps."""

    def __init__(self, run: Path, settings: Settings, record: Record) -> None:
        self.run, self.settings, self.record = run, settings, record
        self.config, measured = run_folder.read_config(run)
        dataset = open_dataset(settings.source)
        if dataset.class_names != measured.class_names:
            raise InputError(f"{run} has other classes than {dataset.name}; compress it with the data of the run.")
        self.training = reading.in_memory(dataset.train, f"{dataset.name} for training")
        self.validation = reading.in_memory(dataset.validation, f"{dataset.name} for validation")
        if "encode" in record.done:
            self.model = archive.read(run / ARCHIVE)
        else:
            self.model = load_model(run / (PRUNED if "prune" in record.done else run_folder.MODEL))
        # Four bytes for each weight: in the pruned model, and in each of the two results.
        announce(run, 3 * 4 * self.model.count_params(), f"The compression of {run}")
        self.predictor = from_keras(self.model)  # reads the weights anew in each call

    def finish(self) -> dict[str, Any]:
        """Do the remaining steps, and replace the record by the report."""
        for name, do, _ in STEPS:
            if name not in self.record.done:
                do(self)
                self.record.done.append(name)
                self._save_record()
        record = self.record
        report = {
            "settings": record.settings,
            "epoch": record.epoch,
            "stages": {name: {"bytes": size, **record.errors[name]} for name, size in record.bytes.items()},
            "layers": self._layers(),
            "provenance": provenance(describe(), precision="float32"),
        }
        atomic_files.write_json(self.run / REPORT, report, owner=self.run)
        (self.run / PRUNED).unlink(missing_ok=True)
        return report

    def measure(self) -> None:
        self._evaluate("dense", self.predictor)

    def prune(self) -> None:
        """Set the smallest weights of each kernel to zero."""
        prune(self.model, PAPER_KEPT | dict.fromkeys(HIDDEN_LAYERS, self.settings.kept))
        self._save_model()

    def retrain(self) -> None:
        """Train the weights that are left, and measure the errors."""

        def on_epoch(epoch: int) -> None:
            self._save_model()
            self.record.epoch = epoch
            self._save_record()

        if self.record.epoch < self.settings.epochs:
            retrain(
                self.model,
                self.run / PRUNED,
                self.config,
                self.training,
                kept=self.settings.kept,
                epochs=self.settings.epochs,
                first_epoch=self.record.epoch,
                on_epoch=on_epoch,
            )
        self._evaluate("pruned", self.predictor)

    def encode(self) -> None:
        """Cluster the weights of each kernel, measure the errors, and write the archive."""
        cluster_kernels(self.model)
        self._evaluate("clustered", self.predictor)
        self.record.errors["coded"] = self.record.errors["clustered"]  # encoding changes no bit of a weight
        file_list.add(self.run, self.run / ARCHIVE, self.run / ARCHIVE)
        self.record.bytes = dataclasses.asdict(archive.write(self.model, self.run / ARCHIVE))

    def convert(self) -> None:
        """Write the sparse TFLite file, and measure its errors."""
        path = self.run / TFLITE
        with atomic_files.appear_whole(path, owner=self.run) as partial:
            prepared = preparation_of(path, input_size(self.model))
            sparsity = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
            tflite.write(self.model, partial, optimizations=sparsity, preparation=prepared)
        self._evaluate("tflite", load_predictor(path))
        self.record.bytes["tflite"] = path.stat().st_size

    def _evaluate(self, stage: str, predictor: Predictor) -> None:
        evaluation = evaluate(predictor, self.validation)
        self.record.errors[stage] = evaluation.to_dict()
        print_message(f"{stage}: val error {evaluation.top1_error:.2%}")

    def _layers(self) -> dict[str, dict[str, Any]]:
        """Layer -> its number of weights, the fractions kept here and in the paper, and its number of values."""
        layers = {}
        for layer, (name, kernel) in kernels(self.model).items():
            weights = np.asarray(kernel.numpy())
            nonzero = weights[weights != 0]
            layers[layer] = {
                "weights": weights.size,
                "kept": len(nonzero) / weights.size,
                "paper_kept": PAPER_KEPT[name],
                "values": len(np.unique(nonzero)),
            }
        return layers

    def _save_record(self) -> None:
        atomic_files.write_json(self.run / REPORT, dataclasses.asdict(self.record), owner=self.run)

    def _save_model(self) -> None:
        with atomic_files.appear_whole(self.run / PRUNED, owner=self.run) as partial:
            self.model.save(partial)


# The name of each step in the record, its method, and the stages of the network whose errors it measures.
STEPS: tuple[tuple[str, Callable[[_Compression], None], tuple[str, ...]], ...] = (
    ("measure", _Compression.measure, ("dense",)),
    ("prune", _Compression.prune, ()),
    ("retrain", _Compression.retrain, ("pruned",)),
    ("encode", _Compression.encode, ("clustered", "coded")),
    ("convert", _Compression.convert, ("tflite",)),
)
