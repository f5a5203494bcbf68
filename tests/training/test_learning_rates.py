"""Learning rates step by step, against arithmetic."""

import numpy as np
import pytest

from alexnet_keras.config.schedules import Cosine, LayerRate, Linear, Steps
from alexnet_keras.training.learning_rates import layer_rates, learning_rate


def rates(schedule, highest=0.2, epochs=10, steps=10):
    rate = learning_rate(schedule, highest, epochs, steps)
    return np.array([float(rate(step)) for step in range(epochs * steps + 1)])


def test_cosine_rises_in_a_line_and_falls_along_half_a_cosine():
    found = rates(Cosine(warmup_epochs=2))
    np.testing.assert_allclose(found[:21], 0.2 * np.arange(21) / 20, atol=1e-7)
    np.testing.assert_allclose(found[20:], 0.1 * (1 + np.cos(np.pi * np.arange(81) / 80)), atol=1e-7)
    assert rates(Cosine())[0] == pytest.approx(0.2)
    assert rates(Cosine(warmup_epochs=9))[25] == pytest.approx(0.2)  # a quarter of the run at most


def test_steps_begin_with_the_first_step_of_an_epoch():
    found = rates(Steps(boundaries=(2, 5.5), divide_by=10))
    np.testing.assert_allclose(found, [0.2] * 20 + [0.02] * 35 + [0.002] * 46, rtol=1e-6)
    np.testing.assert_allclose(rates(Steps(boundaries=())), 0.2)


def test_linear_falls_to_0():
    np.testing.assert_allclose(rates(Linear()), 0.2 * np.arange(100, -1, -1) / 100, atol=1e-7)


def test_epochs_of_single_layers_become_steps():
    rates = (LayerRate(epoch=67, layer="conv1", rate=1e-5), LayerRate(epoch=72.5, layer="conv1", rate=0.0))
    assert layer_rates(rates, 10) == [("conv1", 670, 1e-5), ("conv1", 725, 0.0)]
