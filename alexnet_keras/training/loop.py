"""Fit a network: all epochs from where its run is to the end."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.pca_noise import noise_of
from alexnet_keras.distribution import rendezvous
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import feature_cache
from alexnet_keras.training.build import TrainingNetwork
from alexnet_keras.training.callbacks.best_model import BestModel
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter, publish
from alexnet_keras.training.callbacks.epoch_log import EpochLog
from alexnet_keras.training.callbacks.loss_monitor import LossMonitor
from alexnet_keras.training.callbacks.plateau import LowerOnPlateau
from alexnet_keras.training.callbacks.position import Position
from alexnet_keras.training.callbacks.progress_line import ProgressLine
from alexnet_keras.training.callbacks.target_error import EndAtTarget
from alexnet_keras.training.callbacks.tensorboard import TensorBoardLog
from alexnet_keras.training.compile import compile_for_training, metrics_of_epoch
from alexnet_keras.training.feature_cache import Features
from alexnet_keras.training.inputs import Inputs
from alexnet_keras.training.options import RunOptions


def fit(config: TrainConfig, options: RunOptions, inputs: Inputs, network: TrainingNetwork, signals: Signals) -> None:
    """Train a network to the end of its run. The folder of the run gets checkpoints, history.csv and model.keras.

    Keras calls the callbacks in the order of the list below, which matters for three reasons:

    - `Position` updates the state that all others read.
    - `LossMonitor` raises an error before anything of a loss that is not finite is written.
    - A checkpoint holds everything that makes an epoch count, so the best model, the history and the learning rate come
      before `CheckpointWriter`. What comes after it only shows what the checkpoint holds. So do the callbacks of the
      user, whose errors stop the training.

    Only the chief of several workers writes and prints.
    """
    state, checkpoints, replicas = network.state, network.checkpoints, network.replicas
    images = min(state.steps * config.batch_size, len(inputs.training))
    monitor = LossMonitor(config, network.measured.policy, len(network.measured.class_names), state.position)
    ends: list[keras.callbacks.Callback] = []
    if isinstance(config.schedule, Plateau):
        ends.append(LowerOnPlateau(state, config.schedule, config.learning_rate, prints=replicas.is_chief))
    if config.target_error is not None:
        ends.append(EndAtTarget(state, config.target_error, prints=replicas.is_chief))
    best = BestModel(state, checkpoints, network.model, network.blank) if replicas.is_chief else None
    extensible = not config.schedule.ends_with_run
    writer = CheckpointWriter(
        network, signals, options.checkpoint_minutes, config.epochs, extensible, monitor.cause, best
    )
    progress = ProgressLine(state, config, images)
    before: list[keras.callbacks.Callback] = []
    after: list[keras.callbacks.Callback] = []
    if best is not None:
        before = [best, EpochLog(state, config, images)]
        after = [TensorBoardLog(checkpoints, state, network.model), progress, *options.callbacks]
        publish(checkpoints, state)  # again, in case the process was killed before it could
    callbacks = [Position(state), monitor, *before, *ends, writer, *after]
    with (
        contextlib.closing(progress),
        reading.naming_unreadable(inputs.training, inputs.validation),
        _naming_batch_size(config.batch_size),
        signals.deferring(),
        rendezvous.noticing_loss(replicas.cluster),  # innermost: a lost worker is no bad image
    ):
        _Epochs(config, inputs, network, callbacks).run()


@dataclass(frozen=True)
class Phase:
    """The settings that consecutive epochs of a run have in common.

    Attributes:
        frozen: the last convolution that keeps its weights, or `none`.
        model: the model that is fitted: the network, or the part that follows its frozen layers.
        features: the outputs of the frozen layers, if the model is fitted to those.
    """

    frozen: str
    model: keras.Model
    features: Features | None
    validation: Any


@dataclass(frozen=True)
class _Epochs:
    """The epochs of a run, fitted phase by phase."""

    config: TrainConfig
    inputs: Inputs
    network: TrainingNetwork
    callbacks: list[keras.callbacks.Callback]

    def run(self) -> None:
        config, state = self.config, self.network.state
        if state.over or state.epoch == config.epochs:
            return
        phase = self._phase()
        if state.step == state.steps:
            self._validate(phase)
        while state.epoch < config.epochs and not state.over:
            if config.frozen(state.epoch) != phase.frozen:
                phase = self._phase()
            last = self._last_epoch(phase)
            phase.model.fit(
                self._batches(phase, last),
                initial_epoch=state.epoch,
                epochs=last,
                steps_per_epoch=state.steps - state.step,
                validation_data=phase.validation,
                validation_steps=self._validation_steps,
                callbacks=self.callbacks,
                shuffle=False,  # train_dataset has shuffled
                verbose=0,
            )

    @property
    def _validation_steps(self) -> int:
        return pipeline.steps_per_epoch(len(self.inputs.validation), self.config.batch_size)

    @property
    def _adds_noise(self) -> bool:
        config = self.config
        if config.pca_noise is None:
            return False
        return config.pca_noise_epochs is None or self.network.state.epoch < config.pca_noise_epochs

    def _last_epoch(self, phase: Phase) -> int:
        """The epoch before which something changes, so that one `fit` ends there."""
        config, state = self.config, self.network.state
        ends = [config.epochs]
        if state.step:  # Keras counts the same steps in every epoch of a fit, so a part of an epoch needs its own
            ends.append(state.epoch + 1)
        if self._adds_noise and config.pca_noise_epochs is not None:
            ends.append(config.pca_noise_epochs)
        if state.epoch < config.small_epochs:
            ends.append(config.small_epochs)
        if phase.frozen != "none" and config.freeze_epochs is not None:
            ends.append(config.freeze_epochs)
        return min(ends)

    def _batches(self, phase: Phase, last: int) -> Any:
        """The training batches of the epochs from the current one to before `last`."""
        config, state, replicas = self.config, self.network.state, self.network.replicas
        where: dict[str, Any] = {
            "input_size": config.input_size,
            "batch_size": config.batch_size,
            "epochs": tf.data.Dataset.range(state.epoch, last),
            "seed": config.seed,
            "steps": state.steps,
            "first_step": state.step,
        }
        if phase.features is not None:
            return phase.features.train_dataset(**where)
        noise = None
        if self._adds_noise and config.pca_noise is not None:
            noise = noise_of(config.pca_noise, self.network.measured.colors)
        batches = pipeline.train_dataset(
            self.inputs.training,
            **where,
            noise=noise,
            resized=config.image_size(state.epoch),
            **config.crops(phase.frozen),
            worker_index=replicas.worker_index,
            num_workers=replicas.num_workers,
        )
        return replicas.distribute(batches)

    def _phase(self) -> Phase:
        """The phase that the current epoch belongs to; its model is compiled."""
        config, model, replicas = self.config, self.network.model, self.network.replicas
        training, validation = self.inputs.training, self.inputs.validation
        frozen = config.frozen(self.network.state.epoch)
        fitted, features = model, None
        if config.freeze != "none":
            feature_cache.freeze(model, frozen)
            if config.caches_features(frozen) and replicas.is_single:
                fitted, features = feature_cache.fitted_part(model, training, validation, config.input_size)
            with replicas.strategy.scope():
                compile_for_training(
                    fitted,
                    model.optimizer,
                    num_devices=replicas.num_devices,
                    deterministic=config.deterministic,
                    label_smoothing=config.label_smoothing,
                    metrics=self.network.metrics,
                )
        if features is not None:
            return Phase(frozen, fitted, features, features.eval_dataset(config.batch_size))
        batches = pipeline.eval_dataset(
            validation,
            input_size=config.input_size,
            batch_size=config.batch_size,
            worker_index=replicas.worker_index,
            num_workers=replicas.num_workers,
        )
        return Phase(frozen, fitted, None, replicas.distribute(batches))

    def _validate(self, phase: Phase) -> None:
        """Do what `fit` does after the last step of an epoch, for a run that stopped there."""
        epoch, model = self.network.state.epoch, phase.model
        callbacks = keras.callbacks.CallbackList(self.callbacks, model=model)
        callbacks.on_epoch_begin(epoch)  # restores the sums of the metrics
        metrics = metrics_of_epoch(model, self.network.metrics)
        logs = {metric.name: float(metric.result()) for metric in metrics}
        for metric in metrics:  # evaluate resets only those that a step has built
            metric.reset_state()
        measured = model.evaluate(
            phase.validation, steps=self._validation_steps, callbacks=callbacks, return_dict=True, verbose=0
        )
        callbacks.on_epoch_end(epoch, {**logs, **{f"val_{name}": value for name, value in measured.items()}})


@contextlib.contextmanager
def _naming_batch_size(batch_size: int) -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(f"`batch_size` {batch_size} does not fit into the memory of the device; reduce it.") from error
