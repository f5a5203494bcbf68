"""train(config, run): the program. The command line, tests and benchmarks call it."""

import contextlib
import dataclasses
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import STORED_SIZE, TrainConfig
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import DataSet
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import absolute_source, open_dataset
from alexnet_keras.distribution import rendezvous, two_tower
from alexnet_keras.distribution.cluster import check_cluster, find_cluster
from alexnet_keras.distribution.devices import claim
from alexnet_keras.distribution.precision import Precision, choose_jit, choose_precision
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.inference.evaluate import Evaluation, evaluate
from alexnet_keras.inference.predictor import from_keras
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import InputError, Interrupted, OptionError, RunError, TooLargeError
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.provenance import provenance
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import initial_weights, run_folder
from alexnet_keras.training.loop import fit
from alexnet_keras.training.run_folder import Measured

CHECKPOINT_MINUTES = 5.0  # writing half a gigabyte takes about a second


def train(
    config: TrainConfig,
    run: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    devices: str = "auto",
    layout: str = "replicas",
) -> Evaluation:
    """Train a network and leave all there is to know about it in a folder.

    Writes config.json, history.csv, model.keras (the best epoch, in float32), evaluation.json and TensorBoard logs, and
    checkpoints while it is not finished. What decides the result is in `config`; the rest are arguments.

    Args:
        config: what to train; that of the run where it is resumed.
        run: a folder that does not exist, or is empty, or a run.
        resume: go on where the run's newest checkpoint is.
        overwrite: replace the run that is there.
        checkpoint_minutes: minutes between checkpoints within an epoch; there is one at each epoch's end besides.
        devices: `auto` (all GPUs, else the CPU), `gpu:2`, `gpu:0,1`, or `cpu:2` for logical CPUs. Several of them share
            every batch out among themselves, and take the step that one of them would take.
        layout: `replicas`, a whole network on each device, or `two-tower`, each tower on one of two devices.

    Returns:
        Errors of the best model on the validation pictures, as in evaluation.json.

    Raises:
        OptionError: there are no such devices or hosts, the layout is not for them, or there are no weights to freeze.
        InputError: the folder or the data cannot be used. A new folder is removed unless there is something to keep.
        RunError: the training cannot go on: its loss is no number, or the disk is full.
        Interrupted: a signal stopped it; a checkpoint was written.
    """
    if not checkpoint_minutes >= 0:  # nor NaN, which compares false with everything
        raise OptionError(f"checkpoint_minutes must be 0 or more, got {checkpoint_minutes}.")
    if not resume:
        initial_weights.check(config)
    cluster = find_cluster()
    if cluster is not None:
        check_cluster(cluster, config.batch_size, devices, layout)
    claimed = claim(devices)  # before TensorFlow computes anything
    check_batch(config.architecture, claimed, cluster is not None, layout)
    if layout == "two-tower":
        policy = choose_precision(config.precision, deterministic=config.deterministic).policy
        two_tower.check(claimed, config.architecture.towers, policy)
    with rendezvous.noticing_loss(cluster):
        replicas = Replicas(claimed, cluster, layout)
        with (
            run_folder.claim(run, resume=resume, overwrite=overwrite) if replicas.is_chief else contextlib.nullcontext()
        ):
            return _claimed(config, run, replicas, claimed, resume, checkpoint_minutes)


def check_batch(network: Architecture, devices: Sequence[str], many_hosts: bool, layout: str) -> None:
    """Refuse to share a batch out where its means and variances are a part of the network.

    With `BatchNormalization(synchronized=True)` of Keras 3.15, two logical CPUs neither took the steps of one (losses
    differed by a thousandth after an epoch) nor always finished one.

    Raises:
        OptionError: the network normalizes batches, and several devices or hosts would have parts of one.
    """
    if network.batch_normalization and (many_hosts or len(devices) > 1) and layout == "replicas":
        raise OptionError(
            f"The variant {network.name!r} normalizes whole batches, so it trains on one device and not on "
            f"{'several hosts' if many_hosts else ', '.join(devices)}; give --devices gpu:1 or cpu:1."
        )


def _claimed(
    config: TrainConfig,
    run: Path,
    replicas: Replicas,
    devices: tuple[str, ...],
    resume: bool,
    checkpoint_minutes: float,
) -> Evaluation:
    """`train` in a folder that belongs to the chief's process."""
    with Signals() as signals:
        finished = replicas.from_chief(resume and (run / run_folder.EVALUATION).exists())
        if resume and replicas.is_chief:
            run_folder.sweep(run)
        if finished:
            shutil.rmtree(run / run_folder.CHECKPOINTS, ignore_errors=True)  # the process was killed before it could
            print(f"{run} is finished; there is nothing to go on with.", file=sys.stderr)
            return Evaluation.from_dict(atomic_files.read_json(run / run_folder.EVALUATION))
        try:
            with rendezvous.noticing_loss(replicas.cluster):
                return _train(config, run, replicas, devices, signals, resume, checkpoint_minutes)
        except BaseException as error:
            if not resume and replicas.is_chief:
                run_folder.discard_if_empty_handed(run)
            _explain(error, run)
            raise


def _explain(error: BaseException, run: Path) -> None:
    """Add to the message of a run that stopped what is left of it, and what to do."""
    if not isinstance(error, Interrupted | RunError):
        return
    (message,) = error.args
    kept = sorted((run / run_folder.CHECKPOINTS).glob("step-*.npz"))
    command = f"alexnet-keras train --run {shlex.quote(str(run))} --resume"
    if isinstance(error, RunError):
        message += f" The last good checkpoint is {kept[-1]}." if kept else " There was no checkpoint yet."
    elif kept:
        message = f"Stopped by {message}. Go on with:  {command}"
    else:
        message = f"Stopped by {message} before the first step; there is nothing to keep."
    error.args = (message,)


def _train(
    config: TrainConfig,
    run: Path,
    replicas: Replicas,
    devices: tuple[str, ...],
    signals: Signals,
    resume: bool,
    checkpoint_minutes: float,
) -> Evaluation:
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    jit = choose_jit("auto", max(len(devices), replicas.count), config.deterministic)
    dataset = _open(config, alone=replicas.cluster is None)
    training, validation = dataset.train, dataset.validation
    steps = _steps(config, len(training))
    measured = run_folder.read_config(run)[1] if resume else None
    if measured is not None:
        _check_data(measured, dataset, run)
        precision = Precision(measured.policy, "as the run began")
    else:
        precision = choose_precision(config.precision, deterministic=config.deterministic)
    trained, origin = initial_weights.begin(config, run, measured, len(dataset.class_names))
    training = reading.in_memory(training, f"{dataset.name} for training")
    validation = reading.in_memory(validation, f"{dataset.name} for validation")
    hardware = describe(devices)
    together = replicas.describe()
    print(
        f"{config.recipe} on {dataset.name}: {len(training):,} training and {len(validation):,} validation images of "
        f"{len(dataset.class_names)} classes; {precision.policy} ({precision.reason}); "
        f"XLA {'on' if jit.compile else 'off'} ({jit.reason}); {hardware}{together}",
        file=sys.stderr,
    )
    if measured is None:
        with reading.naming_unreadable(training):
            colors = dataset.statistics or reading.color_statistics(training)
        measured = Measured(
            class_names=dataset.class_names,
            train_images=len(training),
            validation_images=len(validation),
            colors=colors,
            policy=precision.policy,
            weights=origin,
        )
        if replicas.is_chief:
            run_folder.clear(run)
            weights = None if config.weights is None else str(Path(config.weights).resolve())
            absolute = dataclasses.replace(config, data=absolute_source(config.data), weights=weights)
            run_folder.write_config(run, absolute, measured)
    measured = build(Measured, replicas.from_chief(dataclasses.asdict(measured)), "measured")
    _check_data(measured, dataset, run)

    fit(
        config,
        run,
        replicas,
        measured,
        trained,
        training,
        validation,
        steps=steps,
        jit_compile=jit.compile,
        signals=signals,
        checkpoint_minutes=checkpoint_minutes,
    )
    if not replicas.is_chief:
        return Evaluation.from_dict(replicas.from_chief(None))  # until the chief has done the rest

    example = reading.pixels(validation, tf.constant(0, tf.int64))
    with atomic_files.appear_whole(run / run_folder.EXAMPLE) as partial:
        partial.write_bytes(tf.io.encode_png(example).numpy())
    evaluation = evaluate(from_keras(load_model(run / run_folder.MODEL)), validation)
    origins = provenance(hardware, precision=precision.policy)
    atomic_files.write_json(
        run / run_folder.EVALUATION, {**evaluation.to_dict(), "data": config.data, "provenance": origins}
    )
    shutil.rmtree(run / run_folder.CHECKPOINTS, ignore_errors=True)  # only now is there nothing to go on with
    replicas.from_chief(evaluation.to_dict())
    return evaluation


def _open(config: TrainConfig, alone: bool) -> DataSet:
    """The data set; one that random access has no form of, and memory no room for, is prepared first, once and for all.

    Args:
        config: says which.
        alone: whether no other host waits meanwhile, which it would not do for hours.

    Raises:
        InputError: it cannot be used.
    """
    dataset = open_dataset(config.source)
    try:
        _ = dataset.train, dataset.validation
    except TooLargeError as error:
        if not alone or config.split is not None:
            raise
        print(
            f"{dataset.name} is too large for memory: its pictures are stored once at {STORED_SIZE} pixels in "
            f"{error.prepared}, which can be stopped and gone on with, and taken from there ever after.",
            file=sys.stderr,
        )
        prepare(dataset, error.prepared, Settings(jobs=os.cpu_count() or 1))
        dataset = open_dataset(config.source)
    return dataset


def _check_data(measured: Measured, dataset: DataSet, run: Path) -> None:
    """Refuse to go on with other data than the run began with.

    Raises:
        InputError: classes or numbers of images differ.
    """
    remedy = "bring the data back as they were, or start another run."
    if measured.class_names != dataset.class_names:
        raise InputError(
            f"{run} was trained on the classes {', '.join(measured.class_names)}; {dataset.name} now has "
            f"{', '.join(dataset.class_names)}; {remedy}"
        )
    for kind, before, now in (
        ("training", measured.train_images, len(dataset.train)),
        ("validation", measured.validation_images, len(dataset.validation)),
    ):
        if before != now:
            raise InputError(f"{run} began with {before:,} {kind} images; {dataset.name} now has {now:,}; {remedy}")


def _steps(config: TrainConfig, num_images: int) -> int:
    if config.batch_size > num_images:
        raise InputError(
            f"Batches of {config.batch_size} are larger than the {num_images} training images of {config.data}; "
            f"choose --batch-size {num_images} or less."
        )
    steps = pipeline.steps_per_epoch(num_images, config.batch_size)
    if config.steps_per_epoch is not None and config.steps_per_epoch > steps:
        raise InputError(
            f"--steps-per-epoch {config.steps_per_epoch} is more than the {steps} batches of {config.batch_size} that "
            f"{config.data} has; choose at most {steps}."
        )
    return config.steps_per_epoch or steps
