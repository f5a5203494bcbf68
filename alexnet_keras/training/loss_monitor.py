"""Whether a training is worth going on with: a loss that is a number, and that moves."""

import math
import sys

from alexnet_keras.config.architecture import GAUSSIANS
from alexnet_keras.system.errors import RunError

PAPER_RATE = 0.01  # section 5; what is far above it is not mended by a quarter
FLAT = 0.01  # relative distance from ln(classes) that counts as "at" it
FLAT_STEPS = 100  # in a row, before the end of an epoch says anything
MANY_FLAT_STEPS = 2_000  # in a row, within an epoch of a large data set
FLOAT16_MAX = 65_504


class LossMonitor:
    """Looks at the loss after every step.

    Keras reports the mean of an epoch's losses so far. One loss that is no number makes it no number from that step on,
    so the mean tells the step, and costs nothing that progress does not need anyway.

    Args:
        classes: number of classes; whoever guesses evenly has a loss of ln(classes).
        initializer: name of the initial weights.
        policy: the Keras dtype policy.
        learning_rate: the schedule's highest.
    """

    def __init__(self, classes: int, initializer: str, policy: str, learning_rate: float) -> None:
        self.even, self.classes, self.initializer = math.log(classes), classes, initializer
        self.policy, self.learning_rate = policy, learning_rate
        self.flat_steps = 0
        self.warned = False

    def check(self, loss: float, index: str, last: bool) -> None:
        """Take the mean loss after a step.

        Args:
            loss: as Keras reports it.
            place: the step, for the message.
            last: whether it was the epoch's last step.

        Raises:
            RunError: the loss is NaN or infinite.
        """
        if not math.isfinite(loss):
            raise RunError(f"The loss is {loss} at {index}. {self.cause()}")
        self.flat_steps = self.flat_steps + 1 if abs(loss - self.even) < FLAT * self.even else 0
        if not self.warned and self.flat_steps >= (FLAT_STEPS if last else MANY_FLAT_STEPS):
            self.warned = True
            print(f"Warning: {self.flat()}", file=sys.stderr)

    def cause(self) -> str:
        """Why a loss is no number, most likely, and what to do."""
        if self.policy == "mixed_float16":
            return (
                f"Likely an activation passed {FLOAT16_MAX:,}, the largest number of mixed_float16: "
                "train in mixed_bfloat16 or float32, or with a lower --learning-rate."
            )
        return (
            f"Likely the learning rate of {self.learning_rate:g} is too high: "
            f"train again with --learning-rate {min(self.learning_rate / 4, PAPER_RATE):g}."
        )

    def flat(self) -> str:
        stays = (
            f"the loss has stayed at ln({self.classes}) = {self.even:.3f} for {self.flat_steps:,} steps: "
            "the network tells no class from another."
        )
        if self.initializer in GAUSSIANS:
            return (
                f"{stays} The initializer {self.initializer!r}, N(0, 0.01) in the first layers, needs epochs of a "
                "million images to come alive; for less data choose 'he_normal', which the recipe quickstart has."
            )
        return (
            f"{stays} The initializer {self.initializer!r} does not do that by itself: "
            f"train again with --learning-rate {self.learning_rate / 4:g}, and look at the labels."
        )
