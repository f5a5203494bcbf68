"""End a run when its training error is small enough."""

from typing import Any

import keras

from alexnet_keras.system.columns import print_message
from alexnet_keras.training.checkpoints import State


class EndAtTarget(keras.callbacks.Callback):
    """End the training after the epoch whose training error is at most `target`, from 0 to 1."""

    def __init__(self, state: State, target: float, prints: bool) -> None:
        super().__init__()
        self.state, self.target, self.prints = state, target, prints

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        error = 1 - logs["accuracy"]
        if error > self.target:
            return
        self.state.over = self.model.stop_training = True
        if self.prints:
            print_message(
                f"The training error of {error:.1%} has reached the target of {self.target:.1%}: training ends."
            )
