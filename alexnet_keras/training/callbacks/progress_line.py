"""Print the progress of a training, and one line for each epoch."""

import sys
from typing import Any

import keras

from alexnet_keras.config.training import TrainConfig
from alexnet_keras.system.progress import Progress
from alexnet_keras.training.checkpoints import State


class ProgressLine(keras.callbacks.Callback):
    """Show how far the run is, and print the numbers of each epoch when it has ended."""

    def __init__(self, state: State, config: TrainConfig, images_per_epoch: int) -> None:
        super().__init__()
        self.state, self.config, self.images_per_epoch = state, config, images_per_epoch
        self.on_epoch_begin(state.epoch)

    def _images_done(self) -> int:
        state = self.state
        return self.images_per_epoch * state.epoch + self.images_per_epoch * state.step // state.steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.images = self._images_done()
        epochs = self.config.epochs
        rest = epochs * self.images_per_epoch - self.images
        growth = self.config.mean_area(epoch) / self.config.image_size(epoch) ** 2  # later images can be larger
        self.progress = Progress(f"Epoch {epoch + 1}/{epochs}, rest of the run", rest, pauses=self._pauses() * growth)

    def _pauses(self) -> float:
        """The time of an epoch over that of its training, as measured in the one before; validation is the rest."""
        if not self.state.history:
            return 1.0
        row = self.state.last_row()
        return max(1.0, row["seconds"] * row["images_per_second"] / self.images_per_epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        before, self.images = self.images, self._images_done()
        self.progress.advance(self.images - before, f"loss {logs['loss']:.3f}  error {1 - logs['accuracy']:.1%}")

    def on_test_end(self, logs: Any = None) -> None:
        self.close()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = self.state.last_row()
        print(
            f"Epoch {epoch + 1}/{self.config.epochs}  loss {row['loss']:.3f}  error {row['top1_error']:.1%}  "
            f"val loss {row['validation_loss']:.3f}  val error {row['validation_top1_error']:.1%}  "
            f"{row['images_per_second']:.0f} images/s  {row['seconds']:.0f} s"
            f"{'  best' if self.state.best_epoch == epoch + 1 else ''}",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        self.progress.close()
