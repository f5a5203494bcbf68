"""compress(run): Deep Compression (Han, Mao and Dally 2015) of a run's network: prune, share, code."""

import dataclasses
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet_keras.compression.pruning import PAPER_KEPT, freeze_zeros, kernels, prune
from alexnet_keras.compression.weight_clustering import share
from alexnet_keras.config.schedules import Cosine
from alexnet_keras.config.training import DataSource, TrainConfig
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.distribution.precision import choose_jit, choose_precision
from alexnet_keras.export import tflite
from alexnet_keras.inference.evaluate import Evaluation, evaluate
from alexnet_keras.inference.predictor import Predictor, from_keras, load_predictor
from alexnet_keras.model import archive
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, Interrupted, check
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.progress import Progress
from alexnet_keras.system.provenance import provenance
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import run_folder
from alexnet_keras.training.callbacks.loss_monitor import LossMonitor
from alexnet_keras.training.compile import compile_for_training, update_rule

REPORT = "compression.json"
PRUNED = "model-pruned.keras"  # while the compression is not finished
ARCHIVE = f"model{archive.SUFFIX}"
TFLITE = "model-pruned.tflite"

BITS = {"conv": 8, "fc": 5}  # that number a weight's value (section 5.2)
# Table 1 and, for the stages, table 4: bytes of AlexNet on ImageNet, and its top-1 error where the table has one.
PAPER: dict[str, tuple[float, float | None]] = {
    "dense": (240e6, 0.4278),
    "pruned": (240e6 / 9, None),
    "shared": (240e6 / 27, None),
    "coded": (6.9e6, 0.4278),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides a compression, besides its run.

    Attributes:
        kept: share of the weights of fc6 and fc7 that stay; the other layers keep the paper's shares.
        epochs: of retraining.
        source: the data set to retrain and measure on.
    """

    kept: float
    epochs: int
    source: DataSource

    def __post_init__(self) -> None:
        check(0 < self.kept <= 1, f"kept must be above 0 and at most 1, got {self.kept}.")
        check(self.epochs >= 0, f"epochs must not be negative, got {self.epochs}.")

    @property
    def shares(self) -> dict[str, float]:
        return {**PAPER_KEPT, "fc6": self.kept, "fc7": self.kept}


def compress(run: Path, settings: Settings, overwrite: bool = False) -> dict[str, Any]:
    """Compress a run's model into `model.alexnet` and a sparse `model-pruned.tflite`, beside it.

    Every stage, and every epoch of retraining, is kept in the run until the last is done, so that a compression that
    was stopped goes on where it was.

    Args:
        run: the folder of a run.
        settings: how far to go.
        overwrite: replace a compression that is there, finished or not.

    Returns:
        What compression.json has: settings, `stages` (dense, pruned, shared, coded, tflite) with bytes and errors, and
        `layers` with what was kept of each.

    Raises:
        InputError: the run or its data cannot be used, or it is compressed already, or was begun with other settings.
        RunError: the loss of the retraining is no number.
        Interrupted: a signal stopped it.
    """
    if not (run / run_folder.CONFIG).is_file() or not (run / run_folder.MODEL).is_file():
        raise InputError(f"{run} is no run with {run_folder.CONFIG} and {run_folder.MODEL}; compress starts from one.")
    with run_folder.claim(run, resume=True):
        if overwrite:
            for name in (REPORT, PRUNED, ARCHIVE, TFLITE):
                (run / name).unlink(missing_ok=True)
        report = _begun(run, settings)
        try:
            with Signals():
                return _compress(run, settings, report)
        except Interrupted as error:
            raise Interrupted(
                f"Stopped by {error}. What is done is kept; the same command goes on.", error.signal
            ) from error


def _begun(run: Path, settings: Settings) -> dict[str, Any]:
    """The report of a compression that was stopped, or a fresh one.

    Raises:
        InputError: a compression is finished, or was begun with other settings.
    """
    fresh = {"settings": dataclasses.asdict(settings), "epoch": 0, "errors": {}}
    if not (run / REPORT).exists():
        (run / PRUNED).unlink(missing_ok=True)  # without a report, nobody knows what it is
        return fresh
    report = atomic_files.read_json(run / REPORT)
    if "stages" in report:
        raise InputError(f"{run} is compressed already, into {ARCHIVE} and {TFLITE}; replace them with --overwrite.")
    if report.get("settings") != fresh["settings"]:
        raise InputError(
            f"A compression of {run} was begun with {report.get('settings')}; go on with these, or --overwrite."
        )
    return report


def _compress(run: Path, settings: Settings, report: dict[str, Any]) -> dict[str, Any]:
    config, known = run_folder.read_config(run)
    dataset = open_dataset(settings.source)
    if dataset.class_names != known.class_names:
        raise InputError(f"{run} knows other classes than {dataset.name} has; compress it with the data of its run.")
    training = reading.in_memory(dataset.train, f"{dataset.name} for training")
    validation = reading.in_memory(dataset.validation, f"{dataset.name} for validation")
    measured: dict[str, Evaluation] = {name: Evaluation.from_dict(values) for name, values in report["errors"].items()}

    def save() -> None:
        atomic_files.write_json(run / REPORT, report)

    pruned = (run / PRUNED).exists()
    model = load_model(run / (PRUNED if pruned else run_folder.MODEL))
    predictor = from_keras(model)  # of the weights that the model has when it is asked

    def measure(name: str, predictor: Predictor) -> None:
        measured[name] = evaluate(predictor, validation)
        report["errors"][name] = measured[name].to_dict()
        save()
        print(f"{name}: top-1 error {measured[name].top1_error:.2%}", file=sys.stderr)

    if not pruned:
        measure("dense", predictor)
        prune(model, settings.shares)
        report["epoch"] = 0
        _save(model, run / PRUNED)
    if report["epoch"] < settings.epochs:

        def done(epoch: int) -> None:
            _save(model, run / PRUNED)
            report["epoch"] = epoch
            save()

        retrain(model, run / PRUNED, config, settings, training, report["epoch"], done)
    if "pruned" not in measured:
        measure("pruned", predictor)

    for _, kernel in kernels(model).values():
        kernel.assign(share(np.asarray(kernel.numpy()), 2 ** _bits(kernel)))
    measure("shared", predictor)
    sizes = archive.write(model, run / ARCHIVE)
    with atomic_files.appear_whole(run / TFLITE) as partial:
        tflite.write(model, partial, optimizations=(tf.lite.Optimize.EXPERIMENTAL_SPARSITY,))
    measure("tflite", load_predictor(run / TFLITE))
    measured["coded"] = measured["shared"]  # the same bits
    sizes_of = {**dataclasses.asdict(sizes), "tflite": (run / TFLITE).stat().st_size}
    report["stages"] = {name: {"bytes": size, **measured[name].to_dict()} for name, size in sizes_of.items()}
    report["layers"] = _layers(model)
    report["provenance"] = provenance(describe(), precision="float32")
    del report["errors"]
    save()
    (run / PRUNED).unlink()
    return report


def _save(model: keras.Model, path: Path) -> None:
    with atomic_files.appear_whole(path) as partial:
        model.save(partial)


def _bits(kernel: Any) -> int:
    return BITS["conv" if len(kernel.shape) == 4 else "fc"]


def _layers(model: keras.Model) -> dict[str, dict[str, Any]]:
    """Weights of each layer, the share of them that stayed, the paper's share, and how many values they have."""
    layers = {}
    for layer, (name, kernel) in kernels(model).items():
        weights = np.asarray(kernel.numpy())
        nonzero = weights[weights != 0]
        layers[layer] = {
            "weights": weights.size,
            "kept": len(nonzero) / weights.size,
            "paper_kept": PAPER_KEPT[name],
            "values": len(np.unique(nonzero)),
        }
    return layers


def retrain(
    model: keras.Model,
    weights: Path,
    config: TrainConfig,
    settings: Settings,
    training: Split,
    first_epoch: int,
    done: Callable[[int], None],
) -> None:
    """Train what pruning has left, on a cosine from the run's highest rate down to 0.

    On `shapes`, 64 steps ended at 3.8% error with the whole rate, at 7.2% with half of it, and 32 with a tenth at 13%.

    Args:
        model: the pruned model, float32; gets the weights after each epoch.
        weights: the file that it was read from.
        config: of the run.
        settings: of the compression.
        training: the run's training pictures.
        first_epoch: epochs that were done before.
        done: called after each epoch with the number of epochs done.
    """
    config = dataclasses.replace(
        config,
        # Section 3.2 of Han, Pool, Tran and Dally 2015: fewer connections overfit less.
        architecture=dataclasses.replace(
            config.architecture, dropout=config.architecture.dropout * math.sqrt(settings.kept)
        ),
        epochs=settings.epochs,
        schedule=Cosine(warmup_epochs=0),
    )
    policy = choose_precision(config.precision, deterministic=config.deterministic).policy
    steps = pipeline.steps_per_epoch(len(training), config.batch_size)
    keras.utils.set_random_seed(config.seed)
    network = AlexNet(
        config.architecture,
        classes=model.output_shape[-1],
        input_shape=model.input_shape[1:],
        weights=weights,
        classifier_activation=None,
        dtype=policy,
    )
    freeze_zeros(network)
    optimizer = update_rule(config, policy, steps)
    jit = choose_jit(deterministic=config.deterministic).compile
    compile_for_training(network, optimizer, jit_compile=jit, label_smoothing=config.label_smoothing)
    optimizer.iterations.assign(first_epoch * steps)
    batches = pipeline.train_dataset(
        training,
        input_size=config.input_size,
        batch_size=config.batch_size,
        epochs=tf.data.Dataset.range(first_epoch, config.epochs),
        seed=config.seed + 1,  # other crops than those of the run's own epochs
    )
    epochs = _Epochs(model, config, len(training), done)
    monitor = LossMonitor(config, policy, model.output_shape[-1], epochs.position)
    with reading.naming_unreadable(training):
        network.fit(
            batches,
            initial_epoch=first_epoch,
            epochs=config.epochs,
            steps_per_epoch=steps,
            callbacks=[epochs, monitor],
            shuffle=False,  # train_dataset has shuffled
            verbose=0,
        )


class _Epochs(keras.callbacks.Callback):
    """Looks at every step, and hands the weights over after each epoch."""

    def __init__(self, target: keras.Model, config: TrainConfig, images: int, done: Callable[[int], None]) -> None:
        super().__init__()
        self.target, self.config, self.images, self.done = target, config, images, done

    def position(self) -> str:
        return f"step {self.step} of {self.label.lower()}"

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.label = f"Retraining, epoch {epoch + 1}/{self.config.epochs}"
        self.progress = Progress(self.label, self.images)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        assert logs is not None
        self.step = batch + 1
        note = f"loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.1%}"
        self.progress.advance(min(self.config.batch_size, self.images - self.progress.done), note)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        assert logs is not None
        self.progress.close()
        for source, target in zip(self.model.weights, self.target.weights, strict=True):
            target.assign(source)
        self.done(epoch + 1)
        print(f"{self.label}  loss {logs['loss']:.3f}  top-1 error {1 - logs['accuracy']:.1%}", file=sys.stderr)
