"""Watch the loss of a training: it must be a finite number, and it should move."""

import math
from collections.abc import Callable
from typing import Any

import keras

from alexnet_keras.config.architecture import GAUSSIANS
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import DivergedError

PAPER_LEARNING_RATE = 0.01  # section 5; the most that is recommended after a loss that is not finite
FLAT = 0.01  # the relative distance from ln(classes) that counts as "at" it
FLAT_STEPS = 100  # at the end of an epoch: this many in a row cause a warning
MANY_FLAT_STEPS = 2_000  # within an epoch of a large data set
FLOAT16_MAX = 65_504


class LossMonitor(keras.callbacks.Callback):
    """Stop a training whose loss is not finite, and warn once if the loss stays at ln(classes).

    Keras reports the mean of an epoch's losses so far. A loss that is not finite makes this mean not finite from its
    step on, so the mean tells the step.
    """

    def __init__(self, config: TrainConfig, policy: str, classes: int, position: Callable[[], str]) -> None:
        super().__init__()
        self.config, self.classes, self.position = config, classes, position
        self.cause = likely_cause(policy, config.learning_rate)
        self.random_guess = math.log(classes)
        self.flat_steps = 0
        self.warned = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise DivergedError(f"The loss is {loss} at {self.position()}. {self.cause}")
        is_flat = abs(loss - self.random_guess) < FLAT * self.random_guess
        self.flat_steps = self.flat_steps + 1 if is_flat else 0
        self._warn(MANY_FLAT_STEPS)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = logs.get("val_loss", 0.0)
        if not math.isfinite(loss):
            raise DivergedError(f"The validation loss is {loss} at {self.position()}. {self.cause}")
        self._warn(FLAT_STEPS)

    def _warn(self, steps: int) -> None:
        if self.warned or self.flat_steps < steps:
            return
        self.warned = True
        network = self.config.architecture
        initializer = network.initializer
        remedy = (
            f"The initializer {initializer!r} is not a likely cause: "
            f"train with `learning_rate={self.config.learning_rate / 4:g}`, and check the labels."
        )
        if initializer in GAUSSIANS and not network.batch_normalization:
            remedy = (
                f"The initializer {initializer!r}, N(0, 0.01) in the first layers, needs epochs of a million images "
                "before the loss falls; for less data choose `initializer=he_normal`, as quickstart does."
            )
        print_message(
            f"Warning: the loss has stayed at ln({self.classes}) = {self.random_guess:.3f} for {self.flat_steps:,} "
            f"steps: the network does not tell one class from another. {remedy}"
        )


def likely_cause(policy: str, learning_rate: float) -> str:
    """Why a loss or a weight is not finite, most likely, and what to do."""
    if policy == "mixed_float16":
        return (
            f"Probably an activation exceeded {FLOAT16_MAX:,}, the largest number of mixed_float16: "
            "train with `precision=mixed_bfloat16` or float32, or with a lower `learning_rate`."
        )
    lower = min(learning_rate / 4, PAPER_LEARNING_RATE)
    return f"Probably the learning rate of {learning_rate:g} is too high: train with `learning_rate={lower:g}`."
