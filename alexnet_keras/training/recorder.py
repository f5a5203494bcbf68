"""What happens between the steps of a training: progress, health, checkpoints, history.csv, the best model so far."""

import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from alexnet_keras.config.schedules import Plateau
from alexnet_keras.config.training import TrainConfig
from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import Interrupted, RunError
from alexnet_keras.system.progress import Progress
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import run_folder
from alexnet_keras.training.checkpoints import Checkpoints, State
from alexnet_keras.training.learning_rates import LearningRate, PlateauTracker
from alexnet_keras.training.loss_monitor import LossMonitor
from alexnet_keras.training.tensorboard import Board

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
    """Keeps the folder of a run in step with the training, so that it can go on after any moment.

    A checkpoint is what makes an epoch count: the best model is written before it, under a name that says its epoch;
    history.csv and model.keras are made from it afterwards, and made again when the run is resumed.

    Best is the lowest validation top-1 error; of equal ones the one with the lower validation loss. The loss counts the
    label smoothing of training.

    Args:
        run: the run's folder.
        config: the run's configuration.
        state: where the training begins; kept up to date.
        checkpoints: where the state goes.
        network: the whole one that trains; what is fitted may be a part of it.
        blank: a float32 model of the same weights as the one that trains; it is what gets saved, so that all that is
            made from the run computes alike.
        metrics: Keras's own for the loss, and the accuracy; their sums are a part of the state.
        images_per_epoch: images of one epoch.
        learning_rate: what the optimizer was given.
        health: looks at the loss.
        board: TensorBoard's files; `None` where another process writes the run, and this one only keeps the state.
        signals: asked after every step.
        checkpoint_minutes: how much training a killed run may lose, at most.
        agree: from whether a checkpoint is due and the number of the signal to stop for or 0, as this process knows
            them, to what all processes of the training do.
    """

    def __init__(
        self,
        run: Path,
        config: TrainConfig,
        state: State,
        checkpoints: Checkpoints,
        *,
        network: keras.Model,
        blank: keras.Model,
        metrics: list[keras.metrics.Metric],
        images_per_epoch: int,
        learning_rate: LearningRate,
        health: LossMonitor,
        board: Board | None,
        signals: Signals,
        checkpoint_minutes: float,
        synchronize: Callable[[bool, int], tuple[bool, int]],
    ) -> None:
        super().__init__()
        self.run, self.config, self.state, self.checkpoints = run, config, state, checkpoints
        self.network, self.blank, self.metrics, self.images_per_epoch = network, blank, metrics, images_per_epoch
        self.learning_rate, self.health, self.board, self.signals = learning_rate, health, board, signals
        self.synchronize, self.writes = synchronize, board is not None
        self.checkpoint_seconds = 60 * checkpoint_minutes
        self.saved = time.monotonic()
        self.plateau = PlateauTracker(config.schedule, state.plateau) if isinstance(config.schedule, Plateau) else None
        self.progress = Progress("", config.epochs * images_per_epoch - self._images(state.epoch, state.step))
        self.first_step = 0

    def _images(self, epoch: int, step: int) -> int:
        return epoch * self.images_per_epoch + self.images_per_epoch * step // self.state.steps

    def publish(self) -> None:
        """Bring model.keras and history.csv in line with the state."""
        if not self.writes:
            return
        self.checkpoints.publish(self.state)
        run_folder.write_history(self.run, COLUMNS, self.state.history)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.progress.label = f"Epoch {epoch + 1}/{self.config.epochs}, in all"
        self.first_step = self.state.step
        self.start = time.monotonic() - self.state.seconds
        for metric in self.metrics:  # Keras has just reset them, also where the epoch is entered in its middle
            for variable, value in zip(metric.variables, self.state.metrics.get(metric.name, ()), strict=False):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        assert logs is not None
        before, state = self.state.step, self.state
        state.step = self.first_step + batch + 1
        last = state.step >= state.steps
        self.health.check(logs["loss"], state.position(), last)
        if self.writes:
            self.progress.advance(
                self._images(state.epoch, state.step) - self._images(state.epoch, before),
                f"loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.1%}",
            )
        if last:
            state.train_seconds = time.monotonic() - self.start
            self._remember()
        due = not last and time.monotonic() - self.saved >= self.checkpoint_seconds
        due, stop = self.synchronize(due, self.signals.received or 0)
        if stop:
            self._stop(stop)
        if due:
            self._checkpoint()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        _, stop = self.synchronize(False, self.signals.received or 0)
        if stop:
            self._stop(stop)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        assert logs is not None
        state = self.state
        row = {
            "epoch": epoch + 1,
            "learning_rate": self._last_rate(),
            "loss": logs["loss"],
            "top1_error": 1 - logs["accuracy"],
            "validation_loss": logs["val_loss"],
            "validation_top1_error": 1 - logs["val_accuracy"],
            "images_per_second": self.images_per_epoch / state.train_seconds,
            "seconds": time.monotonic() - self.start,
        }
        if not math.isfinite(row["validation_loss"]):
            raise RunError(
                f"The validation loss is {row['validation_loss']} at {state.position()}. {self.health.cause()}"
            )
        result = [row["validation_top1_error"], row["validation_loss"]]
        improved = state.best is None or result < state.best
        try:
            if improved:
                self._save_best(epoch + 1)
                state.best, state.best_epoch = result, epoch + 1
            state.history.append({key: str(value) if key == "epoch" else f"{value:.6g}" for key, value in row.items()})
            state.epoch, state.step, state.metrics, state.seconds, state.train_seconds = epoch + 1, 0, {}, 0.0, 0.0
            note = self._adapt(row["validation_top1_error"])
            self._checkpoint()
            self.publish()
        except OSError as error:
            raise RunError(
                f"Epoch {epoch + 1} could not be written to {self.run}: {_reason(error)}. Make room, and --resume."
            ) from error
        if self.board is None:
            return
        self.board.write(epoch + 1, row, self.network)
        self.progress.close()
        print(
            f"Epoch {epoch + 1}/{self.config.epochs}  loss {row['loss']:.3f}  top-1 error {row['top1_error']:.1%}  "
            f"validation loss {row['validation_loss']:.3f}  top-1 error {row['validation_top1_error']:.1%}  "
            f"{row['images_per_second']:.0f} images/s  {row['seconds']:.0f} s{'  saved' if improved else ''}{note}",
            file=sys.stderr,
            flush=True,
        )

    def _last_rate(self) -> float:
        """The rate of the step that was done last: the optimizer's own is already the next step's."""
        if callable(self.learning_rate):
            return float(self.learning_rate(max(0, int(self.model.optimizer.iterations.numpy()) - 1)))
        return float(self.model.optimizer.learning_rate.numpy())

    def _adapt(self, error: float) -> str:
        """Let the plateau schedule judge an epoch; what to say of it."""
        if self.plateau is None:
            return ""
        action = self.plateau.update(error)
        self.state.plateau = self.plateau.state
        if action == "divide":
            schedule, reductions = self.plateau.schedule, self.plateau.state["reductions"]
            rate = self.config.learning_rate / schedule.divide_by**reductions
            self.model.optimizer.learning_rate = rate
            return f"  learning rate {rate:g}"
        if action == "stop":
            self.state.over = self.model.stop_training = True
            return "  no improvement any more"
        return ""

    def _remember(self) -> None:
        """Take the sums of the running epoch into the state, before validation resets them."""
        self.state.seconds = time.monotonic() - self.start
        self.state.metrics = {
            metric.name: [float(variable.numpy()) for variable in metric.variables] for metric in self.metrics
        }

    def _checkpoint(self) -> bool:
        """Write one; where the disk is full, say so and go on: the one before is there, and space may be made."""
        state = self.state
        if 0 < state.step < state.steps:
            self._remember()
        self.saved = time.monotonic()
        if not self.writes:
            return True
        try:
            self.checkpoints.write(state)
        except OSError as error:
            last = self.checkpoints.last
            print(
                f"Warning: the checkpoint at {state.position()} could not be written ({_reason(error)}); "
                f"training goes on, {f'and {last.name} is kept' if last else 'with none so far'}.",
                file=sys.stderr,
            )
            return False
        except RunError as error:
            raise RunError(f"{error} It broke at {state.position()}. {self.health.cause()}") from error
        return True

    def _stop(self, number: int) -> None:
        saved = self._checkpoint()
        self.progress.close()
        name = signal.Signals(number).name
        raise Interrupted(f"{name} at {self.state.position()}{'' if saved else ', which could not be saved'}", number)

    def _save_best(self, epoch: int) -> None:
        if not self.writes:
            return
        for source, target in zip(self.network.weights, self.blank.weights, strict=True):
            target.assign(source)
        with atomic_files.appear_whole(self.checkpoints.best(epoch)) as partial:
            self.blank.save(partial)


def _reason(error: OSError) -> str:
    return error.strerror or " ".join(str(error).split())
