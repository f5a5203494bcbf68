"""Record the numbers of every epoch."""

from typing import Any

import keras

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.training import learning_rates
from alexnet_keras.training.checkpoints import State
from alexnet_keras.training.run_folder import COLUMNS, recorded


class EpochLog(keras.callbacks.Callback):
    """Append a row to the history of the state, from which history.csv is made."""

    def __init__(self, state: State, config: TrainConfig, images_per_epoch: int) -> None:
        super().__init__()
        self.state, self.images_per_epoch = state, images_per_epoch
        self.learning_rate = learning_rates.learning_rate(
            config.schedule, config.learning_rate, config.epochs, state.steps
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = (
            self._last_learning_rate(),
            logs["loss"],
            1 - logs["accuracy"],
            1 - logs["top5_accuracy"],
            logs["val_loss"],
            1 - logs["val_accuracy"],
            1 - logs["val_top5_accuracy"],
            self.images_per_epoch / self.state.train_seconds,
            self.state.seconds,
        )
        row = (str(epoch + 1), *map(recorded, values))
        self.state.history.append(dict(zip(COLUMNS, row, strict=True)))

    def _last_learning_rate(self) -> float:
        """The learning rate of the step that was done last: the optimizer's own is that of the next step."""
        if callable(self.learning_rate):
            return float(self.learning_rate(max(0, int(self.model.optimizer.iterations.numpy()) - 1)))
        return float(self.model.optimizer.learning_rate.numpy())
