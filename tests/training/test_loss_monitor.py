"""Losses that are no numbers, and losses that do not move."""

import math

import pytest

from alexnet_keras.system.errors import RunError
from alexnet_keras.training.loss_monitor import FLAT_STEPS, MANY_FLAT_STEPS, LossMonitor


def health(policy="float32", initializer="paper", classes=1000):
    return LossMonitor(classes, initializer, policy, 0.1)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        ("float32", "Likely the learning rate of 0.1 is too high: train again with --learning-rate 0.01."),
        ("mixed_float16", "Likely an activation passed 65,504, .*: train in mixed_bfloat16 or float32"),
    ],
)
def test_a_loss_that_is_no_number_names_step_and_cause(loss, policy, cause):
    with pytest.raises(RunError, match=f"The loss is {loss} at epoch 2, step 7. {cause}"):
        health(policy).check(loss, "epoch 2, step 7", last=False)


def feed(watch, losses, steps_per_epoch):
    for step, loss in enumerate(losses, start=1):
        watch.check(loss, f"step {step}", last=step % steps_per_epoch == 0)


@pytest.mark.parametrize(
    ("initializer", "remedy"),
    [
        ("paper", "The initializer 'paper', N(0, 0.01) in the first layers, needs epochs of a million images to come"),
        ("caffe", "The initializer 'caffe', N(0, 0.01) in the first layers, needs epochs of a million images to come"),
        ("he_normal", "The initializer 'he_normal' does not do that by itself: train again with --learning-rate 0.025"),
    ],
)
def test_a_flat_loss_warns_once_and_names_the_initializer(initializer, remedy, capsys):
    watch = health(initializer=initializer)
    feed(watch, [math.log(1000) * 1.005] * (5 * FLAT_STEPS), FLAT_STEPS // 2)
    said = capsys.readouterr().err
    assert said.count("Warning") == 1
    assert f"the loss has stayed at ln(1000) = 6.908 for {FLAT_STEPS} steps: the network tells no class" in said
    assert remedy in said


def test_a_flat_loss_is_said_within_a_long_epoch(capsys):
    feed(health(), [math.log(1000)] * MANY_FLAT_STEPS, 10**6)
    assert f"for {MANY_FLAT_STEPS:,} steps" in capsys.readouterr().err


def test_a_loss_that_moves_is_not_flat(capsys):
    falling = [math.log(1000) - 0.001 * step for step in range(1000)]
    feed(health(), falling, 200)
    feed(health(), ([math.log(1000)] * (FLAT_STEPS - 1) + [5.0]) * 9, 10)
    assert capsys.readouterr().err == ""
