"""Write checkpoints, so that a run can be resumed after any moment."""

import math
import signal
import time
from typing import Any

import keras

from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import Interrupted, RunError
from alexnet_keras.system.signals import Signals
from alexnet_keras.training import run_folder
from alexnet_keras.training.build import TrainingNetwork
from alexnet_keras.training.callbacks.best_model import BestModel
from alexnet_keras.training.checkpoints import Checkpoints, State, reason_of, writing_epoch
from alexnet_keras.training.compile import metrics_of_epoch
from alexnet_keras.training.saving_time import SavingTime


class CheckpointWriter(keras.callbacks.Callback):
    """Write a checkpoint every few minutes, at the end of epochs, and before a signal stops the run.

    The last epoch always ends with a checkpoint. It includes the weights only if more epochs may follow and saving is
    cheap. Another epoch ends with a checkpoint if its time allows one, or if the promised minutes have passed.
    `SavingTime` decides both.

    A resumed run knows only the epochs before its checkpoint. So the model of the best epoch is saved before each
    checkpoint. Afterwards, history.csv and model.keras are written to agree with the checkpoint, and once more when the
    run is resumed. If the disk is full, the callback prints a warning, keeps the checkpoint before and continues the
    training, because the user may free some space.

    Args:
        network: its state is written, and the sums of its metrics with it.
        extensible: whether the run can get more epochs when it has ended.
        cause: the likely cause if a weight is no longer finite.
        best: saves the model of the best epoch; `None` on a worker that is not the chief, which writes nothing.
    """

    def __init__(
        self,
        network: TrainingNetwork,
        signals: Signals,
        minutes: float,
        epochs: int,
        extensible: bool,
        cause: str,
        best: BestModel | None,
    ) -> None:
        super().__init__()
        self.state, self.checkpoints = network.state, network.checkpoints
        self.accuracies, self.replicas = network.metrics, network.replicas
        self.signals, self.cause, self.best = signals, cause, best
        self.epochs, self.extensible = epochs, extensible
        num_values = sum(math.prod(variable.shape) for variable in self.checkpoints.variables.values())
        self.saving_time = SavingTime(minutes, num_values)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        for metric in self.metrics():  # Keras has just reset them, even if the epoch is entered in its middle
            for variable, value in zip(metric.variables, self.state.metrics.get(metric.name, ()), strict=False):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        last = self.state.step == self.state.steps
        if last:
            self._keep_sums()  # validation resets them
        due = not last and self.saving_time.is_due
        due, stop = self.replicas.synchronize(due, self.signals.received or 0)
        if stop:
            self._stop(stop)
        if due:
            self._write()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        _, stop = self.replicas.synchronize(False, self.signals.received or 0)
        if stop:
            self._stop(stop)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.state.end_epoch()
        last = self.state.over or epoch + 1 == self.epochs
        continues = self.extensible and not self.state.over and self.saving_time.allows_weights_at_end
        self.state.complete = last and not continues
        if self.best is not None and (last or self.saving_time.allows_checkpoint or self.saving_time.is_due):
            start = time.monotonic()
            with writing_epoch(epoch + 1, self.checkpoints.run):
                self.best.save()
            if last:  # saving after another epoch counts as time of the next one
                row = self.state.history[-1]
                row["seconds"] = run_folder.recorded(float(row["seconds"]) + time.monotonic() - start)
            self._write(start)

    def metrics(self) -> list[keras.metrics.Metric]:
        return metrics_of_epoch(self.model, self.accuracies)

    def _keep_sums(self) -> None:
        self.state.metrics = {
            metric.name: [float(variable.numpy()) for variable in metric.variables] for metric in self.metrics()
        }

    def _write(self, start: float | None = None) -> bool:
        """Write a checkpoint and what is made from it, and measure the time since `start`, or since now."""
        state, start = self.state, start or time.monotonic()
        if 0 < state.step < state.steps:
            self._keep_sums()
        try:
            if self.best is not None:
                self.best.save()
                self.checkpoints.write(state)
        except OSError as error:
            last = self.checkpoints.last
            print_message(
                f"Warning: the checkpoint at {state.position()} cannot be written ({reason_of(error)}). Training "
                f"continues{f', and {last.name} is kept' if last else ' without a checkpoint'}."
            )
            return False
        except RunError as error:
            raise type(error)(f"{error} This happened at {state.position()}. {self.cause}") from error
        else:
            if self.best is not None:
                with writing_epoch(state.epoch, self.checkpoints.run):
                    publish(self.checkpoints, state)
            return True
        finally:
            self.saving_time.add(start)

    def _stop(self, number: int) -> None:
        saved = self._write()
        name = signal.Signals(number).name
        lost = "" if saved else ", which could not be saved"
        raise Interrupted(f"Stopped by {name} at {self.state.position()}{lost}.", number)


def publish(checkpoints: Checkpoints, state: State) -> None:
    """Write model.keras and history.csv from the state."""
    checkpoints.publish(state)
    run_folder.write_history(checkpoints.run, state.history)
