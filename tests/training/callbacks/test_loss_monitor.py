"""A loss that is not finite stops the training; a loss that does not move causes a warning."""

import dataclasses
import math

import pytest

from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.variants import architecture
from alexnet_keras.system.errors import RunError
from alexnet_keras.training.callbacks.loss_monitor import FLAT_STEPS, MANY_FLAT_STEPS, LossMonitor


def monitor(policy="float32", initializer="paper", classes=1000, variant="paper"):
    network = architecture(variant, initializer=initializer)
    config = dataclasses.replace(recipe("quickstart"), architecture=network, learning_rate=0.1)
    return LossMonitor(config, policy, classes, lambda: "epoch 2, step 7")


@pytest.mark.parametrize("loss", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        ("float32", "Probably the learning rate of 0.1 is too high: train with `learning_rate=0.01`."),
        (
            "mixed_float16",
            "Probably an activation exceeded 65,504, .*: train with `precision=mixed_bfloat16` or float32",
        ),
    ],
)
def test_a_loss_that_is_not_finite_names_step_and_cause(loss, policy, cause):
    with pytest.raises(RunError, match=f"The loss is {loss} at epoch 2, step 7. {cause}"):
        monitor(policy).on_train_batch_end(0, {"loss": loss})
    with pytest.raises(RunError, match=f"The validation loss is {loss} at epoch 2, step 7. {cause}"):
        monitor(policy).on_epoch_end(0, {"val_loss": loss})


def feed(callback, losses, steps_per_epoch):
    for step, loss in enumerate(losses):
        callback.on_train_batch_end(step % steps_per_epoch, {"loss": loss})
        if step % steps_per_epoch == steps_per_epoch - 1:
            callback.on_epoch_end(step // steps_per_epoch, {})


@pytest.mark.parametrize(
    ("initializer", "remedy"),
    [
        ("paper", "The initializer 'paper', N(0, 0.01) in the first layers, needs epochs of a million images before"),
        ("caffe", "The initializer 'caffe', N(0, 0.01) in the first layers, needs epochs of a million images before"),
        ("he_normal", "The initializer 'he_normal' is not a likely cause: train with `learning_rate=0.025`"),
    ],
)
def test_a_flat_loss_warns_once_and_names_the_initializer(initializer, remedy, capsys):
    feed(monitor(initializer=initializer), [math.log(1000) * 1.005] * (5 * FLAT_STEPS), FLAT_STEPS // 2)
    printed = capsys.readouterr().err
    assert printed.count("Warning") == 1
    assert f"the loss has stayed at ln(1000) = 6.908 for {FLAT_STEPS} steps: the network does not tell" in printed
    assert remedy in printed


def test_small_initial_weights_are_no_cause_if_batches_are_normalized(capsys):
    feed(monitor(variant="batchnorm"), [math.log(1000)] * (5 * FLAT_STEPS), FLAT_STEPS // 2)
    assert "The initializer 'paper' is not a likely cause" in capsys.readouterr().err


def test_a_flat_loss_is_reported_within_a_long_epoch(capsys):
    feed(monitor(), [math.log(1000)] * MANY_FLAT_STEPS, 10**6)
    assert f"for {MANY_FLAT_STEPS:,} steps" in capsys.readouterr().err


def test_a_loss_that_moves_is_not_flat(capsys):
    falling = [math.log(1000) - 0.001 * step for step in range(1000)]
    feed(monitor(), falling, 200)
    feed(monitor(), ([math.log(1000)] * (FLAT_STEPS - 1) + [5.0]) * 9, 10)
    assert capsys.readouterr().err == ""
