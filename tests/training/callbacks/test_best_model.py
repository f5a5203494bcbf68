"""The best epoch has the lowest validation error, whatever its loss."""

import keras
import numpy as np
import pytest

from alexnet_keras.training.callbacks.best_model import BestModel
from alexnet_keras.training.checkpoints import Checkpoints, State


def network(weight):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.full((1, 1), weight)])
    return model


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        pytest.param([(0.8, 1.0), (0.9, 2.0)], 2, id="a lower error with a higher loss"),
        pytest.param([(0.9, 2.0), (0.8, 1.0)], 1, id="a higher error with a lower loss"),
        pytest.param([(0.9, 2.0), (0.9, 1.0)], 2, id="the same error with a lower loss"),
        pytest.param([(0.9, 1.0), (0.9, 1.0)], 1, id="the same error and loss"),
        pytest.param([(0.9, 1.0), (0.9, 0.99999999)], 1, id="the same error, and a loss of the same six digits"),
    ],
)
def test_the_best_epoch_has_the_lowest_validation_error(epochs, best, tmp_path):
    state, trained = State(steps=1), network(0.0)
    checkpoints = Checkpoints(tmp_path, {})
    callback = BestModel(state, checkpoints, trained, network(0.0))
    for epoch, (accuracy, loss) in enumerate(epochs, start=1):
        trained.set_weights([np.full((1, 1), epoch)])
        callback.on_epoch_end(epoch - 1, {"val_accuracy": accuracy, "val_loss": loss})
    assert state.best_epoch == best
    assert state.best == pytest.approx([1 - epochs[best - 1][0], epochs[best - 1][1]], abs=1e-6)
    assert not checkpoints.best(best).exists()
    callback.save()
    saved = keras.models.load_model(checkpoints.best(best))
    assert saved.get_weights()[0] == best
