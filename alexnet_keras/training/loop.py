"""fit(...): build a network, train it from where its run is to its end, keep the best epoch."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data import augmentation, pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.distribution import rendezvous
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import feature_cache, learning_rates, run_folder
from alexnet_keras.training.checkpoints import Checkpoints, State
from alexnet_keras.training.compile import compile_for_training, update_rule
from alexnet_keras.training.feature_cache import Features
from alexnet_keras.training.loss_monitor import LossMonitor
from alexnet_keras.training.recorder import Recorder
from alexnet_keras.training.run_folder import Measured
from alexnet_keras.training.tensorboard import Board
from alexnet_keras.weights.trained_weights import Weights, assign


def fit(
    config: TrainConfig,
    run: Path,
    replicas: Replicas,
    measured: Measured,
    trained: Weights | None,
    training: Split,
    validation: Split,
    *,
    steps: int,
    jit_compile: bool,
    signals: Signals,
    checkpoint_minutes: float,
) -> None:
    """Train a network to its end, from the newest checkpoint of its run where there is one.

    Args:
        config: what to train.
        run: the run's folder, which belongs to this process; it gets checkpoints, history.csv and model.keras.
        replicas: where to train.
        measured: what is known of the data.
        trained: the weights to begin from, where they are not the initializer's, nor in a checkpoint.
        training, validation: pictures.
        steps: of an epoch.
        jit_compile: whether XLA compiles the whole step.
        signals: asked after every step.
        checkpoint_minutes: minutes between checkpoints within an epoch.

    Raises:
        InputError: a picture cannot be read, the batch does not fit, or a checkpoint is missing.
        RunError: the training cannot go on.
        Interrupted: a signal stopped it.
    """
    keras.utils.set_random_seed(config.seed)
    with replicas.strategy.scope():
        model = replicas.prepare(_network(config, measured, dtype=measured.policy, classifier_activation=None))
        if config.freeze_epochs is None:  # else the optimizer needs a place for what is frozen at first, too
            feature_cache.freeze(model, config.freeze)
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        optimizer = update_rule(config, measured.policy, steps)
        compile_for_training(
            model, optimizer, jit_compile=jit_compile, label_smoothing=config.label_smoothing, accuracy=accuracy
        )
        optimizer.build(model.trainable_variables)
    if replicas.two_towers:
        print(replicas.held(model), file=sys.stderr)
    checkpoints = Checkpoints(run, _variables(model))
    state = _newest(checkpoints, replicas, run) or State(steps=steps)
    if trained is not None and (state.epoch, state.step) == (0, 0):
        assign(trained, config.architecture.name, model.layers, allow_missing=True)
    recorder = Recorder(
        run,
        config,
        state,
        checkpoints,
        network=model,
        blank=_network(config, measured, dtype="float32"),
        metrics=[next(metric for metric in model.metrics if metric.name == "loss"), accuracy],
        images_per_epoch=min(steps * config.batch_size, len(training)),
        learning_rate=learning_rates.learning_rate(config.schedule, config.learning_rate, config.epochs, steps),
        health=LossMonitor(
            len(measured.class_names), config.architecture.initializer, measured.policy, config.learning_rate
        ),
        board=Board(run / run_folder.TENSORBOARD) if replicas.is_chief else None,
        signals=signals,
        checkpoint_minutes=checkpoint_minutes,
        synchronize=replicas.synchronize,
    )
    recorder.publish()
    replicas.separate_noise(model)
    with (
        reading.naming_unreadable(training, validation),
        _naming_batch_size(config.batch_size),
        signals.deferring(),
        rendezvous.noticing_loss(replicas.cluster),  # innermost: nobody looks for a bad picture when a host is gone
    ):
        _epochs(config, replicas, measured, model, recorder, training, validation)


def _network(config: TrainConfig, measured: Measured, **how: Any) -> keras.Model:
    if measured.weights is not None:  # without layers: only what they expect of the pixels
        origin = measured.weights
        how["weights"] = Weights(source="", layers={}, mean=origin.mean, stddev=origin.stddev)
    return AlexNet(
        config.architecture,
        classes=len(measured.class_names),
        input_shape=(config.input_size, config.input_size, 3),
        mean=measured.colors.mean,
        class_names=measured.class_names,
        allow_missing=True,
        **how,
    )


def _newest(checkpoints: Checkpoints, replicas: Replicas, run: Path) -> State | None:
    """Where the run's newest checkpoint is, after its values were taken over; `None` where there is none."""
    found = checkpoints.read() if replicas.is_chief else None
    place = replicas.from_chief(None if found is None else dataclasses.asdict(found[0]))
    if place is None:
        if replicas.is_chief and (run / run_folder.MODEL).exists():
            raise InputError(
                f"{run} has a model but no checkpoint, so there is nothing to resume; begin again with --overwrite."
            )
        return None
    state = State(**place)
    values = found[1] if found else {}
    if replicas.cluster is None:
        checkpoints.assign(values)
    else:
        replicas.arrays_from_chief(checkpoints.variables, values)
    if replicas.is_chief:
        print(f"Going on at {state.position()}.", file=sys.stderr)
    return state


def _epochs(
    config: TrainConfig,
    replicas: Replicas,
    measured: Measured,
    model: keras.Model,
    recorder: Recorder,
    training: Split,
    validation: Split,
) -> None:
    """All epochs from where the recorder's state is."""
    state = recorder.state
    if state.over or state.epoch == config.epochs:
        return
    noise = augmentation.pca_noise(config.pca_noise, measured.colors) if config.pca_noise else None
    stage = _stage(config, replicas, model, recorder, training, validation)
    validation_steps = pipeline.steps_per_epoch(len(validation), config.batch_size)
    if state.step == state.steps:
        _validate(stage.model, recorder, stage.validation, validation_steps)
    while state.epoch < config.epochs and not state.over:
        # Keras counts the same steps in every epoch of a fit, so one that is entered in its middle is a fit itself.
        last = state.epoch + 1 if state.step else config.epochs
        noisy = config.pca_noise_epochs is None or state.epoch < config.pca_noise_epochs
        if noisy and config.pca_noise_epochs is not None:
            last = min(last, config.pca_noise_epochs)
        if config.frozen(state.epoch) != stage.frozen:
            stage = _stage(config, replicas, model, recorder, training, validation)
        if config.freeze_epochs is not None and stage.frozen != "none":
            last = min(last, config.freeze_epochs)
        turns: dict[str, Any] = {
            "input_size": config.input_size,
            "batch_size": config.batch_size,
            "epochs": tf.data.Dataset.range(state.epoch, last),
            "seed": config.seed,
            "steps": state.steps,
            "first_step": state.step,
        }
        if stage.features is not None:
            batches = stage.features.train_dataset(**turns)
        else:
            centred = config.cache_features and stage.frozen != "none"
            batches = pipeline.train_dataset(
                training,
                **turns,
                noise=noise if noisy else None,
                centred=centred,
                worker_index=replicas.worker_index,
                num_workers=replicas.num_workers,
            )
        stage.model.fit(
            replicas.distribute(batches),
            initial_epoch=state.epoch,
            epochs=last,
            steps_per_epoch=state.steps - state.step,
            validation_data=stage.validation,
            validation_steps=validation_steps,
            callbacks=[recorder],
            shuffle=False,  # train_dataset has shuffled
            verbose=0,
        )


@dataclass(frozen=True)
class Stage:
    """What some epochs of a run have in common.

    Attributes:
        frozen: the last convolution that keeps its weights, or `none`.
        model: what is fitted: the network, or what follows its frozen layers.
        features: what these make of the pictures, where the model is fed with that.
        validation: batches for the model.
    """

    frozen: str
    model: keras.Model
    features: Features | None
    validation: Any


def _stage(
    config: TrainConfig,
    replicas: Replicas,
    model: keras.Model,
    recorder: Recorder,
    training: Split,
    validation: Split,
) -> Stage:
    """The stage that the recorder's epoch belongs to; the recorder gets the metrics of its model."""
    held = config.frozen(recorder.state.epoch)
    part, features = model, None
    if config.freeze != "none":
        feature_cache.freeze(model, held)
    if held != "none" and config.cache_features and replicas.is_single:
        trunk, head = feature_cache.cut(model)
        if feature_cache.fits(trunk, training, validation):
            part, features = head, feature_cache.compute(trunk, training, validation, config.input_size)
        else:
            print("The features of the frozen layers do not fit into memory and are computed anew.", file=sys.stderr)
    if config.freeze != "none":
        accuracy = recorder.metrics[-1]
        with replicas.strategy.scope():
            compile_for_training(
                part,
                model.optimizer,
                jit_compile=model.jit_compile,
                label_smoothing=config.label_smoothing,
                accuracy=accuracy,
            )
        recorder.metrics = [next(metric for metric in part.metrics if metric.name == "loss"), accuracy]
    if features is not None:
        return Stage(held, part, features, features.eval_dataset(config.batch_size))
    batches = pipeline.eval_dataset(
        validation,
        input_size=config.input_size,
        batch_size=config.batch_size,
        worker_index=replicas.worker_index,
        num_workers=replicas.num_workers,
    )
    return Stage(held, part, None, replicas.distribute(batches))


def _validate(model: keras.Model, recorder: Recorder, batches: Any, steps: int) -> None:
    """What fit does after the last step of an epoch, for a run that stopped there."""
    recorder.set_model(model)
    recorder.on_epoch_begin(recorder.state.epoch)
    logs = {metric.name: float(metric.result()) for metric in recorder.metrics}
    for metric in recorder.metrics:  # evaluate resets only those that a step has built
        metric.reset_state()
    measured = model.evaluate(batches, steps=steps, callbacks=[recorder], return_dict=True, verbose=0)
    recorder.on_epoch_end(recorder.state.epoch, {**logs, **{f"val_{name}": value for name, value in measured.items()}})


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Everything that a step changes, but for metrics: weights, states of random generators, the optimizer's own.

    Keras's own names count up with every model that a process makes; these do not.
    """
    layers = {
        f"model/{layer.name}/{index}": variable
        for layer in model.layers
        for index, variable in enumerate(layer.variables)
    }
    return {**layers, **{f"optimizer/{index}": variable for index, variable in enumerate(model.optimizer.variables)}}


@contextlib.contextmanager
def _naming_batch_size(batch_size: int) -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(f"--batch-size {batch_size} does not fit into the device's memory; choose less.") from error
