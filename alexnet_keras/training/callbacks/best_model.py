"""Keep the model of the epoch with the lowest validation error."""

from typing import Any

import keras

from alexnet_keras.system import atomic_files
from alexnet_keras.training.checkpoints import Checkpoints, State
from alexnet_keras.training.run_folder import recorded


class BestModel(keras.callbacks.Callback):
    """Keep the weights of an epoch that is better than all before in memory, until they are saved with a checkpoint.

    Best is the lowest validation error; of equal errors, the lower validation loss. The loss alone is no measure of the
    error, since it includes the label smoothing of training.

    Args:
        network: the whole network, even if only a part of it is fitted.
        blank: a float32 network of the same architecture. It takes the weights and is saved, so that everything that is
            made from the run computes in float32.
    """

    def __init__(self, state: State, checkpoints: Checkpoints, network: keras.Model, blank: keras.Model) -> None:
        super().__init__()
        self.state, self.checkpoints, self.network, self.blank = state, checkpoints, network, blank
        self.saved = True  # nothing is newer than the file of the best epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # As the history has them, so that `run_folder.best_epoch` finds the same epoch.
        result = [float(recorded(value)) for value in (1 - logs["val_accuracy"], logs["val_loss"])]
        if self.state.best is not None and self.state.best <= result:
            return
        for source, target in zip(self.network.weights, self.blank.weights, strict=True):
            target.assign(source)
        self.state.best, self.state.best_epoch, self.saved = result, epoch + 1, False

    def save(self) -> None:
        """Save the model of the best epoch, under a name that says its epoch, if that was not done yet.

        Raises:
            OSError: the file cannot be written.
        """
        if self.state.best_epoch is not None and not self.saved:
            path = self.checkpoints.best(self.state.best_epoch)
            with atomic_files.appear_whole(path, owner=self.checkpoints.run) as partial:
                self.blank.save(partial)
            self.saved = True
