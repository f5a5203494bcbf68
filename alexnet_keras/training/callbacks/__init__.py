"""The jobs that are done between the steps of a training: one callback for each."""

from pathlib import Path

import keras

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.distribution.replicas import Replicas
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import run_folder
from alexnet_keras.training.build import TrainingNetwork
from alexnet_keras.training.callbacks.best_model import BestModel
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter
from alexnet_keras.training.callbacks.epoch_log import EpochLog
from alexnet_keras.training.callbacks.loss_monitor import LossMonitor
from alexnet_keras.training.callbacks.plateau import LowerOnPlateau
from alexnet_keras.training.callbacks.position import Position
from alexnet_keras.training.callbacks.progress_line import ProgressLine
from alexnet_keras.training.callbacks.tensorboard import TensorBoardLog
from alexnet_keras.training.inputs import Inputs
from alexnet_keras.training.run_folder import Measured


def training_callbacks(
    config: TrainConfig,
    run: Path,
    inputs: Inputs,
    measured: Measured,
    network: TrainingNetwork,
    replicas: Replicas,
    signals: Signals,
    checkpoint_minutes: float,
) -> list[keras.callbacks.Callback]:
    """Make the callbacks of a run. Keras calls them in this order, which matters for three reasons.

    - `Position` updates the state that all others read.
    - `LossMonitor` raises an error before anything of a loss that is not finite is written.
    - A checkpoint holds everything that makes an epoch count, so the best model, the history and the learning rate come
      before `CheckpointWriter`. What comes after it only shows what the checkpoint holds.

    Only the chief of several workers writes and prints.
    """
    state, checkpoints, model = network.state, network.checkpoints, network.model
    images = min(state.steps * config.batch_size, len(inputs.training))
    classes = len(measured.class_names)
    monitor = LossMonitor(config, measured.policy, classes, state.position)
    writer = CheckpointWriter(
        state, checkpoints, network.accuracy, replicas, signals, checkpoint_minutes, monitor.cause
    )
    callbacks: list[keras.callbacks.Callback] = [Position(state), monitor]
    if replicas.is_chief:
        callbacks += [BestModel(state, checkpoints, model, network.blank), EpochLog(state, config, images)]
    if isinstance(config.schedule, Plateau):
        callbacks.append(LowerOnPlateau(state, config.schedule, config.learning_rate, prints=replicas.is_chief))
    callbacks.append(writer)
    if replicas.is_chief:
        callbacks += [
            TensorBoardLog(run / run_folder.TENSORBOARD, state, model),
            ProgressLine(state, config.epochs, images),
        ]
    return callbacks
