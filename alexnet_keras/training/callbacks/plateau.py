"""Lower the learning rate when the validation error stops falling (section 5 of the paper)."""

from typing import Any

import keras

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.system.columns import print_message
from alexnet_keras.training.checkpoints import State


class LowerOnPlateau(keras.callbacks.Callback):
    """Divide the learning rate, or end the training, as the schedule `Plateau` demands."""

    def __init__(self, state: State, schedule: Plateau, highest: float, prints: bool) -> None:
        super().__init__()
        self.state, self.schedule, self.highest, self.prints = state, schedule, highest, prints

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        schedule, counted, error = self.schedule, self.state.plateau, 1 - logs["val_accuracy"]
        if counted.best is None or error < counted.best - schedule.threshold:
            counted.best, counted.waited = error, 0
            return
        counted.waited += 1
        if counted.waited < schedule.patience:
            return
        if counted.reductions == schedule.reductions:
            self.state.over = self.model.stop_training = True
            consequence = "training ends"
        else:
            counted.waited, counted.reductions = 0, counted.reductions + 1
            learning_rate = self.highest / schedule.divide_by**counted.reductions
            self.model.optimizer.learning_rate = learning_rate
            consequence = f"the learning rate becomes {learning_rate:g}"
        if self.prints:
            print_message(f"The val error has not improved for {schedule.patience} epochs: {consequence}.")
