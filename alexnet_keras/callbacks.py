"""What happens between the steps of a training: progress, history.csv, the best model so far."""

import csv
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from alexnet_keras import runs
from alexnet_keras.progress import Progress

COLUMNS = (
    "epoch",
    "learning_rate",
    "loss",
    "top1_error",
    "validation_loss",
    "validation_top1_error",
    "images_per_second",
    "seconds",
)

Logs = Mapping[str, Any] | None


class Recorder(keras.callbacks.Callback):
    """Progress on standard error, a row of history.csv an epoch, and the best model of the run.

    Best is the lowest validation top-1 error; of equal ones the one with the lower validation loss. The loss counts the
    label smoothing of training.

    Args:
        run: the run's folder.
        blank: a float32 model of the same weights as the one that trains; it is what gets saved, so that all that is
            made from the run computes alike.
        images_per_epoch: images of one epoch.
        epochs: number of epochs of the run.
    """

    def __init__(self, run: Path, blank: keras.Model, images_per_epoch: int, epochs: int) -> None:
        super().__init__()
        self.run, self.blank = run, blank
        self.images_per_epoch, self.epochs = images_per_epoch, epochs
        self.best = (float("inf"), float("inf"))

    def on_train_begin(self, logs: Logs = None) -> None:
        with (self.run / runs.HISTORY).open("w", newline="") as file:
            csv.writer(file).writerow(COLUMNS)
        self.progress = Progress("", self.epochs * self.images_per_epoch)
        self.steps = self.params["steps"]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.progress.label = f"Epoch {epoch + 1}/{self.epochs}"
        self.epoch, self.start, self.train_seconds = epoch, time.monotonic(), 0.0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        done = self.epoch * self.images_per_epoch + self.images_per_epoch * (batch + 1) // self.steps
        note = f"loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.1%}" if logs else ""
        self.progress.advance(done - self.progress.done, note)

    def on_test_begin(self, logs: Logs = None) -> None:
        self.train_seconds = time.monotonic() - self.start

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        assert logs is not None
        row = {
            "epoch": epoch + 1,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "loss": logs["loss"],
            "top1_error": 1 - logs["accuracy"],
            "validation_loss": logs["val_loss"],
            "validation_top1_error": 1 - logs["val_accuracy"],
            "images_per_second": self.images_per_epoch / self.train_seconds,
            "seconds": time.monotonic() - self.start,
        }
        result = (row["validation_top1_error"], row["validation_loss"])
        improved = result < self.best
        if improved:
            self.best = result
            self._save()
        with (self.run / runs.HISTORY).open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(
                {key: value if key == "epoch" else f"{value:.6g}" for key, value in row.items()}
            )
        self.progress.close()
        print(
            f"Epoch {epoch + 1}/{self.epochs}  loss {row['loss']:.3f}  top-1 error {row['top1_error']:.1%}  "
            f"validation loss {row['validation_loss']:.3f}  top-1 error {row['validation_top1_error']:.1%}  "
            f"{row['images_per_second']:.0f} images/s  {row['seconds']:.0f} s{'  saved' if improved else ''}",
            file=sys.stderr,
            flush=True,
        )

    def _save(self) -> None:
        for source, target in zip(self.model.weights, self.blank.weights, strict=True):
            target.assign(source)
        with runs.appear_whole(self.run / runs.MODEL) as partial:
            self.blank.save(partial)
