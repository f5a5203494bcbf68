"""How much of the time of a run may go into checkpoints."""

import time

FRACTION = 0.05  # of the time since training began: saving at the ends of epochs takes no more
CHEAP = 1.0  # seconds: a last checkpoint that takes less has the weights, if more epochs may follow
LAST = 1 / 3  # cost of a save without weights in the checkpoint: with them, it writes weights, velocities and the model
BYTES_PER_SECOND = 200e6  # before one was measured: those of the paper's network, 683 MB, took 3.6 s


class SavingTime:
    """Decide whether a checkpoint is worth its time.

    Args:
        minutes: after so many minutes without a checkpoint, one is due.
        num_values: the number of weights and velocities, from which the cost of the first checkpoint is estimated.

    Attributes:
        cost: seconds that the last checkpoint took.
        spent: seconds that all checkpoints took.
    """

    def __init__(self, minutes: float, num_values: int) -> None:
        self.minutes = minutes
        self.began = self.written = time.monotonic()
        saved = 1.5 * 4 * num_values  # bytes: weights and velocities, and the weights once more in the model
        self.cost = saved / BYTES_PER_SECOND
        self.spent = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the promised minutes have passed since the last checkpoint."""
        return time.monotonic() - self.written >= 60 * self.minutes

    @property
    def allows_checkpoint(self) -> bool:
        """Whether a checkpoint now and the save at the end of the run keep within `FRACTION` of the time."""
        return self._within(self.cost * (1 + LAST))

    @property
    def allows_weights_at_end(self) -> bool:
        """Whether the last checkpoint may include the weights."""
        return self.cost < CHEAP or self._within(self.cost)

    def add(self, start: float) -> None:
        """Count a checkpoint that was begun at `start`, on the clock of `time.monotonic`, and has just ended."""
        self.written = time.monotonic()
        self.cost = self.written - start
        self.spent += self.cost

    def _within(self, seconds: float) -> bool:
        return self.spent + seconds <= FRACTION * (time.monotonic() - self.began)
