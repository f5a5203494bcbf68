"""Pruning removes the smallest weights, and they stay removed."""

import keras
import numpy as np
import pytest

from alexnet_keras.compression.pruning import PAPER_KEPT, freeze_zeros, kernels, prune
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.training.optimizer import KrizhevskySGD


@pytest.fixture
def model(tiny):
    return AlexNet(tiny, classes=3, input_shape=(67, 67, 3))


def test_both_towers_have_the_papers_name(model):
    names = {layer: name for layer, (name, _) in kernels(model).items()}
    assert names["conv2a"] == names["conv2b"] == "conv2"
    assert names["fc8"] == "fc8"
    assert set(names.values()) == set(PAPER_KEPT)


def test_the_largest_stay(model):
    before = {layer: np.array(kernel.numpy()) for layer, (_, kernel) in kernels(model).items()}
    prune(model, PAPER_KEPT)
    for layer, (name, kernel) in kernels(model).items():
        after, stays = kernel.numpy(), kernel.numpy() != 0
        assert stays.sum() == max(1, round(PAPER_KEPT[name] * after.size))
        np.testing.assert_array_equal(after[stays], before[layer][stays])
        assert np.abs(before[layer][stays]).min() >= np.abs(before[layer][~stays]).max()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_zeros_stay_through_training_and_the_rest_moves(policy, tiny):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3), classifier_activation=None, dtype=policy)
    prune(model, PAPER_KEPT)
    before = {layer: np.array(kernel.numpy()) for layer, (_, kernel) in kernels(model).items()}
    freeze_zeros(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(KrizhevskySGD(0.01), loss, jit_compile=False)
    random = np.random.RandomState(0)
    images, labels = random.randint(0, 256, (8, 67, 67, 3), np.uint8), random.randint(0, 3, 8)
    model.fit(images, labels, batch_size=4, epochs=2, verbose=0)
    for layer, (_, kernel) in kernels(model).items():
        after = kernel.numpy()
        assert not after[before[layer] == 0].any()
        assert (after != before[layer]).any(), layer


def test_a_saved_model_has_no_constraint(model, tmp_path):
    prune(model, PAPER_KEPT)
    freeze_zeros(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    for _, kernel in kernels(again).values():
        assert kernel.constraint is None
