"""How the learning rate changes: a schedule's data -> what the optimizer asks at every step."""

from collections.abc import Sequence
from typing import Any

import keras

from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Schedule, Steps

LearningRate = Any  # a number, or a keras.optimizers.schedules.LearningRateSchedule


def learning_rate(schedule: Schedule, highest: float, epochs: int, steps: int) -> LearningRate:
    """What to give an optimizer for its learning rate.

    Args:
        schedule: which one.
        highest: the rate at its highest.
        epochs: epochs of the run.
        steps: steps of an epoch.

    Returns:
        A function of the number of steps done. For `plateau`, which depends on what is measured, the number to start
        from; `PlateauTracker` says when to divide it.
    """
    total = epochs * steps
    match schedule:
        case Cosine():
            warmup = round(min(schedule.warmup_epochs, epochs / 4) * steps)
            return keras.optimizers.schedules.CosineDecay(
                initial_learning_rate=0.0 if warmup else highest,
                decay_steps=max(1, total - warmup),
                warmup_target=highest if warmup else None,
                warmup_steps=warmup,
            )
        case Plateau():
            return highest
        case Steps():
            divided = [highest / schedule.divide_by**index for index in range(len(schedule.boundaries) + 1)]
            return piecewise([boundary * steps for boundary in schedule.boundaries], divided)
        case Linear():
            return keras.optimizers.schedules.PolynomialDecay(highest, max(1, total), end_learning_rate=0.0)


def layer_rates(rates: Sequence[LayerRate], steps: int) -> list[tuple[str, int, float]]:
    """What to give `KrizhevskySGD` for the rates of single layers."""
    return [(rate.layer, round(rate.epoch * steps), rate.rate) for rate in rates]


def piecewise(first_steps: list[float], rates: list[float]) -> keras.optimizers.schedules.LearningRateSchedule:
    """One rate more than `first_steps`, each from its first step on; a first step is rounded to a whole one."""
    if not first_steps:
        return keras.optimizers.schedules.PiecewiseConstantDecay([1], rates * 2)  # Keras wants one boundary at least
    # Keras keeps a rate up to and with its boundary, counted from 0.
    return keras.optimizers.schedules.PiecewiseConstantDecay([round(step) - 1 for step in first_steps], rates)


class PlateauTracker:
    """Says after each epoch whether the rate is to be divided, or the run is over.

    Args:
        schedule: patience, threshold and number of reductions.
        state: what an earlier tracker's `state` held, to go on from there.

    Attributes:
        state: all it knows, as JSON has it: `best` error, `waited` epochs without improvement, `reductions` so far.
    """

    def __init__(self, schedule: Plateau, state: dict[str, Any] | None = None) -> None:
        self.schedule = schedule
        self.state: dict[str, Any] = {"best": None, "waited": 0, "reductions": 0, **(state or {})}

    def update(self, error: float) -> str:
        """Take an epoch's validation error, a fraction.

        Returns:
            `"keep"`, `"divide"` or `"stop"`.
        """
        state = self.state
        if state["best"] is None or error < state["best"] - self.schedule.threshold:
            state.update(best=error, waited=0)
            return "keep"
        state["waited"] += 1
        if state["waited"] < self.schedule.patience:
            return "keep"
        if state["reductions"] == self.schedule.reductions:
            return "stop"
        state.update(waited=0, reductions=state["reductions"] + 1)
        return "divide"
