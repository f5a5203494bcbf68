"""Train a network: the program behind `alexnet-keras train`."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data.sources.open_dataset import absolute_source
from alexnet_keras.distribution import rendezvous, two_tower
from alexnet_keras.distribution.devices import claim
from alexnet_keras.distribution.precision import choose_precision, repeating_bits
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.inference.evaluate import evaluate
from alexnet_keras.inference.evaluation import Evaluation
from alexnet_keras.inference.keras_model import from_keras
from alexnet_keras.model.loading import load_model
from alexnet_keras.system import atomic_files, disk
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import Interrupted, OptionError, RunError, check
from alexnet_keras.system.hardware import describe
from alexnet_keras.system.progress import stage
from alexnet_keras.system.provenance import provenance
from alexnet_keras.system.signals import Signals
from alexnet_keras.system.terminal_text import brief
from alexnet_keras.training import model_card, run_folder
from alexnet_keras.training.build import TrainingNetwork, build_network
from alexnet_keras.training.checkpoints import newest_first, remove_finished
from alexnet_keras.training.inputs import Inputs, check_unchanged, open_inputs
from alexnet_keras.training.loop import fit
from alexnet_keras.training.options import RunOptions
from alexnet_keras.training.plan import bytes_needed, print_plan
from alexnet_keras.training.run_folder import Measured


def train(config: TrainConfig, run: Path, options: RunOptions | None = None, **changes: Any) -> Evaluation:
    """Train a network and write the folder of the run.

    The folder gets config.json, history.csv, model.keras (the best epoch, in float32), evaluation.json, TensorBoard
    logs, a model card (README.md), and checkpoints until the run is finished. The result depends on `config` and the
    data. Without `config.deterministic`, rounding may differ from run to run.

    Args:
        config: what to train. To resume a run, pass the configuration that it was started with.
        run: a folder that does not exist or is empty; with `resume` or `overwrite`, the folder of a run.
    """
    options = dataclasses.replace(options or RunOptions(), **changes)
    cluster = options.check(config)
    for callback in options.callbacks:
        known = isinstance(callback, keras.callbacks.Callback)
        check(known, f"`callbacks` must be instances of keras.callbacks.Callback, got {brief(callback)}.")
    devices = claim(options.devices)  # before TensorFlow computes anything
    check_batch(config.architecture, devices, cluster is not None, options.layout)
    if options.layout == "two-tower":
        policy = choose_precision(config.precision, deterministic=config.deterministic).policy
        two_tower.check(devices, config.architecture.towers, policy)
    with contextlib.ExitStack() as stack:
        stack.enter_context(rendezvous.noticing_loss(cluster))
        replicas = Replicas(devices, cluster, options.layout)
        if replicas.is_chief:
            stack.enter_context(run_folder.claim(run, resume=options.resume, overwrite=options.overwrite))
        signals = stack.enter_context(Signals())
        stack.enter_context(repeating_bits(config.deterministic))
        evaluation = _finished(config, run, replicas) if options.resume else None
        if evaluation is not None:
            print_message(f"{run} is finished; there is nothing to resume.")
            return evaluation
        try:
            with rendezvous.noticing_loss(cluster):
                return _train(config, run, options, replicas, signals)
        except BaseException as error:
            _explain(error, run)
            raise


def _train(config: TrainConfig, run: Path, options: RunOptions, replicas: Replicas, signals: Signals) -> Evaluation:
    """Open the data, measure it, build the network, train it and report its errors."""
    recorded, known = run_folder.read_config(run) if options.resume else (config, None)

    inputs = open_inputs(config, run, known, may_prepare=replicas.cluster is None)
    measured = _measure(config, run, inputs, known, replicas)
    network = build_network(config, run, inputs, measured, replicas)
    print_plan(config, inputs, network)
    if replicas.is_chief:
        disk.check_free(run, bytes_needed(network), f"The run {run}")
        run_folder.begin_list(run)
        if known is not None and config.epochs > recorded.epochs:
            # In this order, a process that is killed in between leaves an unfinished run.
            (run / run_folder.EVALUATION).unlink(missing_ok=True)
            model_card.remove(run)
            run_folder.write_config(run, dataclasses.replace(recorded, epochs=config.epochs), known)
    fit(config, options, inputs, network, signals)
    return _report(config, run, inputs, network)


def _measure(config: TrainConfig, run: Path, inputs: Inputs, known: Measured | None, replicas: Replicas) -> Measured:
    """Return the properties of data and machine in config.json; a new run measures and writes them first."""
    measured = known
    if measured is None:
        measured = Measured(
            class_names=inputs.dataset.class_names,
            train_images=len(inputs.training),
            validation_images=len(inputs.validation),
            colors=inputs.color_statistics(),
            policy=choose_precision(config.precision, deterministic=config.deterministic).policy,
            weights=inputs.origin,
        )
        if replicas.is_chief:
            weights = None if config.weights is None else str(Path(config.weights).resolve())
            upright = inputs.dataset.turns  # not as the configuration says if shards were made otherwise
            absolute = dataclasses.replace(config, data=absolute_source(config.data), upright=upright, weights=weights)
            run_folder.write_config(run_folder.current(run), absolute, measured)
    # All workers use the chief's numbers, and must have the same data.
    measured = build(Measured, replicas.from_chief(dataclasses.asdict(measured)), "measured")
    check_unchanged(measured, inputs.dataset, run)
    return measured


def _report(config: TrainConfig, run: Path, inputs: Inputs, network: TrainingNetwork) -> Evaluation:
    """Measure the best model and write the results. Then remove checkpoints that no further training can use."""
    replicas = network.replicas
    if not replicas.is_chief:
        return Evaluation.from_dict(replicas.from_chief(None))  # waits until the chief has measured
    run_folder.replace_old(run)  # unless a checkpoint has done it already
    example = inputs.validation.pixels(tf.constant(0, tf.int64))
    with atomic_files.appear_whole(run / run_folder.EXAMPLE, owner=run) as partial:
        partial.write_bytes(tf.io.encode_png(example).numpy())
    with stage("Loading the model of the best epoch"):
        model = load_model(run / run_folder.MODEL)
    evaluation = evaluate(from_keras(model), inputs.validation)
    origins = provenance(describe(replicas.devices), precision=network.measured.policy)
    model_card.write(run, evaluation, origins)
    values = {**evaluation.to_dict(), "data": config.data, "provenance": origins}
    atomic_files.write_json(run / run_folder.EVALUATION, values, owner=run)
    remove_finished(run, config)
    replicas.from_chief(evaluation.to_dict())
    return evaluation


def check_batch(network: Architecture, devices: Sequence[str], many_workers: bool, layout: str) -> None:
    """Refuse to split batches over devices if the network normalizes batches.

    With `BatchNormalization(synchronized=True)` of Keras 3.15, two logical CPUs gave other losses than one CPU (by a
    thousandth after an epoch) and did not always finish an epoch.
    """
    if network.batch_normalization and (many_workers or len(devices) > 1) and layout == "replicas":
        raise OptionError(
            f"The variant {network.name!r} normalizes whole batches, so it trains on one device and not on "
            f"{'several workers' if many_workers else ', '.join(devices)}; choose `devices=gpu:1` or cpu:1."
        )


def _finished(config: TrainConfig, run: Path, replicas: Replicas) -> Evaluation | None:
    """The result of a resumed run that is finished, or `None`, also if it shall have more epochs."""
    same = run_folder.read_config(run)[0].epochs == config.epochs
    if not replicas.from_chief(same and (run / run_folder.EVALUATION).exists()):
        return None
    evaluation = run_folder.read_evaluation(run)
    if replicas.is_chief:  # a process that was killed may have left them
        remove_finished(run, config)
    return evaluation


def _explain(error: BaseException, run: Path) -> None:
    """Add to the error message which checkpoint exists and how to resume."""
    if not isinstance(error, Interrupted | RunError):
        return
    (message,) = error.args
    kept = newest_first(run_folder.current(run))
    if not kept:
        kept_run = " The run before stays as it was." if run_folder.current(run) != run else ""
        message += f" There is no checkpoint yet, so nothing is kept.{kept_run}"
    elif isinstance(error, RunError):
        message += f" The last good checkpoint is {kept[0]}; continue from it with `run={run}` and `resume=True`."
    else:
        message += f" To continue, train with `run={run}` and `resume=True`."
    error.args = (message,)
