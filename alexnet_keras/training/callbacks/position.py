"""Keep track of where a run is."""

import time
from typing import Any

import keras

from alexnet_keras.training.checkpoints import State


class Position(keras.callbacks.Callback):
    """Keep the step and the clocks of the state up to date, for the callbacks that follow."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.ended: float | None = None  # when the epoch before did

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.first_step = self.state.step  # Keras counts from 0 even if an epoch is entered in its middle
        self.start = time.monotonic() - self.state.seconds
        # What was saved between two epochs counts as time of the second.
        self.pause = 0.0 if self.ended is None else self.start - self.ended

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        state = self.state
        state.step = self.first_step + batch + 1
        state.seconds = time.monotonic() - self.start
        if state.step == state.steps:
            state.train_seconds = state.seconds

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ended = time.monotonic()
        self.state.seconds = self.ended - self.start + self.pause  # with the validation
