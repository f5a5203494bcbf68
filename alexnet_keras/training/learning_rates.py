"""Turn schedules into learning rates that the optimizer asks for at every step."""

from collections.abc import Sequence
from typing import Any

import keras

from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Plateau, Schedule, Steps

LearningRate = Any  # a number, or a keras.optimizers.schedules.LearningRateSchedule


def learning_rate(schedule: Schedule, highest: float, epochs: int, steps: int) -> LearningRate:
    """The learning rate of a schedule, for an optimizer.

    Returns:
        A function of the number of finished steps. For `plateau`, which depends on the validation error, the learning
        rate at the beginning, which `callbacks.plateau` divides.
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
    """The learning rates of single layers as `KrizhevskySGD` takes them, with steps instead of epochs."""
    return [(rate.layer, round(rate.epoch * steps), rate.rate) for rate in rates]


def piecewise(first_steps: list[float], rates: list[float]) -> keras.optimizers.schedules.LearningRateSchedule:
    """Constant learning rates, one more than `first_steps`; each begins at its first step, rounded to an integer."""
    if not first_steps:
        return keras.optimizers.schedules.PiecewiseConstantDecay([1], rates * 2)  # Keras needs one boundary
    # Keras keeps a learning rate up to and including its boundary, counted from 0.
    return keras.optimizers.schedules.PiecewiseConstantDecay([round(step) - 1 for step in first_steps], rates)
