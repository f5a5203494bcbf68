"""Build the network of a run on its devices, with the weights that the run starts or continues from."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.config.serialization import build
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.any_size import for_any_size
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.progress import stage
from alexnet_keras.training import feature_cache, run_folder
from alexnet_keras.training.checkpoints import Checkpoints, State
from alexnet_keras.training.compile import accuracies, compile_for_training, update_rule
from alexnet_keras.training.inputs import Inputs
from alexnet_keras.training.run_folder import Measured
from alexnet_keras.weights.trained_weights import Weights, assign


@dataclass(frozen=True)
class TrainingNetwork:
    """A network that is ready for training.

    Attributes:
        blank: a float32 network of the same architecture, which takes the weights that are saved.
        state: where the run continues.
    """

    model: keras.Model
    blank: keras.Model
    metrics: tuple[keras.metrics.Metric, ...]
    checkpoints: Checkpoints
    state: State
    measured: Measured
    replicas: Replicas


def build_network(
    config: TrainConfig, run: Path, inputs: Inputs, measured: Measured, replicas: Replicas
) -> TrainingNetwork:
    """Build and compile the network, and restore the newest checkpoint if there is one."""
    keras.utils.set_random_seed(config.seed)
    with stage("Building the network"), replicas.strategy.scope():
        model = _network(config, measured, dtype=measured.policy, classifier_activation=None)
        if config.small_epochs:
            model = for_any_size(model)
        model = replicas.prepare(model)
        if config.freeze_epochs is None:  # else the optimizer needs velocities of the frozen layers for later epochs
            feature_cache.freeze(model, config.freeze)
        metrics = accuracies()
        optimizer = update_rule(config, measured.policy, inputs.steps)
        compile_for_training(
            model,
            optimizer,
            num_devices=replicas.num_devices,
            deterministic=config.deterministic,
            label_smoothing=config.label_smoothing,
            metrics=metrics,
        )
        optimizer.build(model.trainable_variables)
    checkpoints = Checkpoints(run, _variables(model))
    state = _restore(checkpoints, replicas) or State(steps=inputs.steps)
    if state.complete and not state.over and state.epoch < config.epochs:
        raise InputError(
            f"The run {run} has kept no weights at its end, after {state.epoch:,} epochs, so it cannot get "
            f"{config.epochs:,}; start again with `overwrite=True`."
        )
    if state.steps != inputs.steps:
        raise InputError(
            f"The checkpoint of {run} has {state.steps:,} steps in an epoch, but its data has {inputs.steps:,}; "
            "restore the data, or start another run."
        )
    if inputs.weights is not None and (state.epoch, state.step) == (0, 0):
        assign(inputs.weights, config.architecture.name, model.layers, allow_missing=True)
    blank = _network(config, measured, dtype="float32")
    replicas.separate_noise(model)
    return TrainingNetwork(model, blank, metrics, checkpoints, state, measured, replicas)


def _network(config: TrainConfig, measured: Measured, **options: Any) -> keras.Model:
    if measured.weights is not None:  # without layers: only the mean and the deviation that they expect of pixels
        origin = measured.weights
        options["weights"] = Weights(source="", layers={}, mean=origin.mean, stddev=origin.stddev)
    return AlexNet(
        config.architecture,
        classes=len(measured.class_names),
        input_shape=(config.input_size, config.input_size, 3),
        mean=measured.colors.mean,
        class_names=measured.class_names,
        allow_missing=True,
        **options,
    )


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Everything that a step changes, except metrics: weights, random states, and the variables of the optimizer.

    Keras's own names count the models of a process; these names are the same in every process.
    """
    layers = {
        f"model/{layer.name}/{index}": variable
        for layer in model.layers
        for index, variable in enumerate(layer.variables)
    }
    return {**layers, **{f"optimizer/{index}": variable for index, variable in enumerate(model.optimizer.variables)}}


def _restore(checkpoints: Checkpoints, replicas: Replicas) -> State | None:
    """Assign the values of the newest checkpoint on all workers; return its state, or `None` if there is none."""
    found = checkpoints.read() if replicas.is_chief else None
    values = replicas.from_chief(None if found is None else dataclasses.asdict(found[0]))
    if values is None:
        if replicas.is_chief and (checkpoints.run / run_folder.MODEL).exists():
            raise InputError(
                f"{checkpoints.run} has a model but no checkpoint, so it cannot be resumed; start again with "
                f"`overwrite=True`, or train another `run` with `weights={checkpoints.run / run_folder.MODEL}`."
            )
        return None
    state: State = build(State, values, "state")
    arrays = found[1] if found else {}
    if replicas.cluster is None:
        checkpoints.assign(arrays)
    elif not state.complete:
        replicas.arrays_from_chief(checkpoints.variables, arrays)
    if replicas.is_chief:
        print_message(f"Resuming at {state.position()}.")
    return state
