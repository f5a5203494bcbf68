"""Retrain a pruned network while its zeros stay zero."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from alexnet_keras.compression.pruning import freeze_zeros
from alexnet_keras.config.schedules import Cosine
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.data import pipeline, reading
from alexnet_keras.data.dataset import Split
from alexnet_keras.distribution.precision import choose_precision
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.progress import Progress
from alexnet_keras.training.callbacks.loss_monitor import LossMonitor
from alexnet_keras.training.compile import compile_for_training, update_rule


def retrain(
    model: keras.Model,
    weights: Path,
    config: TrainConfig,
    training: Split,
    *,
    kept: float,
    epochs: int,
    first_epoch: int,
    on_epoch: Callable[[int], None],
) -> None:
    """Train the weights that pruning has kept, with a cosine from the run's highest learning rate down to 0.

    A lower learning rate is worse: on `shapes`, 64 steps ended at 3.8% error with the run's learning rate and at 7.2%
    with half of it, and 32 steps with a tenth of it ended at 13%.

    Args:
        model: the pruned model, float32; it gets the weights after each epoch.
        first_epoch: epochs that are done already.
        on_epoch: called after each epoch with the number of epochs that are done.
    """
    # Fewer connections overfit less (Han, Pool, Tran and Dally 2015, section 3.2).
    dropout = config.architecture.dropout * math.sqrt(kept)
    architecture = dataclasses.replace(config.architecture, dropout=dropout)
    config = dataclasses.replace(config, architecture=architecture, epochs=epochs, schedule=Cosine(warmup_epochs=0))
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
    compile_for_training(network, optimizer, deterministic=config.deterministic, label_smoothing=config.label_smoothing)
    optimizer.iterations.assign(first_epoch * steps)
    batches = pipeline.train_dataset(
        training,
        input_size=config.input_size,
        batch_size=config.batch_size,
        epochs=tf.data.Dataset.range(first_epoch, epochs),
        seed=config.seed + 1,  # other crops than in the epochs of the run
        **config.crops(),
    )
    progress = _Epochs(model, config, len(training), on_epoch)
    monitor = LossMonitor(config, policy, model.output_shape[-1], progress.position)
    with reading.naming_unreadable(training):
        network.fit(
            batches,
            initial_epoch=first_epoch,
            epochs=epochs,
            steps_per_epoch=steps,
            callbacks=[progress, monitor],
            shuffle=False,  # train_dataset has shuffled
            verbose=0,
        )


class _Epochs(keras.callbacks.Callback):
    """Report progress, and copy the weights after each epoch."""

    def __init__(
        self, target: keras.Model, config: TrainConfig, num_images: int, on_epoch: Callable[[int], None]
    ) -> None:
        super().__init__()
        self.target, self.config, self.num_images, self.on_epoch = target, config, num_images, on_epoch

    def position(self) -> str:
        """The step, for messages."""
        return f"step {self.step} of {self.label.lower()}"

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.label = f"Retraining, epoch {epoch + 1}/{self.config.epochs}"
        self.progress = Progress(self.label, self.num_images)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        assert logs is not None
        self.step = batch + 1
        note = f"loss {logs['loss']:.3f}  error {1 - logs['accuracy']:.1%}"
        self.progress.advance(min(self.config.batch_size, self.num_images - self.progress.done), note)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        assert logs is not None
        self.progress.close()
        self.target.set_weights(self.model.get_weights())
        self.on_epoch(epoch + 1)
        print_message(f"{self.label}  loss {logs['loss']:.3f}  error {1 - logs['accuracy']:.1%}")
