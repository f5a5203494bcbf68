"""Lower the learning rate when the validation error stops falling (section 5 of the paper)."""

import sys
from typing import Any

import keras

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.training.checkpoints import State
from alexnet_keras.training.learning_rates import PlateauTracker


class LowerOnPlateau(keras.callbacks.Callback):
    """Divide the learning rate, or end the training, as the schedule `Plateau` demands.

    Args:
        state: holds what the schedule has counted; changed in place.
        schedule: the schedule.
        highest: the learning rate at the beginning of the run.
        prints: whether this process prints what changes.
    """

    def __init__(self, state: State, schedule: Plateau, highest: float, prints: bool) -> None:
        super().__init__()
        self.state, self.highest, self.prints = state, highest, prints
        self.tracker = PlateauTracker(schedule, state.plateau)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        action = self.tracker.update(1 - logs["val_accuracy"])
        self.state.plateau = self.tracker.state
        if action == "keep":
            return
        schedule = self.tracker.schedule
        consequence = "training ends"
        if action == "divide":
            learning_rate = self.highest / schedule.divide_by ** self.tracker.state["reductions"]
            self.model.optimizer.learning_rate = learning_rate
            consequence = f"the learning rate becomes {learning_rate:g}"
        else:
            self.state.over = self.model.stop_training = True
        if self.prints:
            print(
                f"The val error has not improved for {schedule.patience} epochs: {consequence}.",
                file=sys.stderr,
            )
