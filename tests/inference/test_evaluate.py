"""Errors are counted exactly for every batch size and for both kinds of crops."""

import numpy as np
import pytest

from alexnet_keras.data.dataset import split_in_memory
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.inference import evaluate as evaluation
from alexnet_keras.inference.evaluate import check_classes, evaluate
from alexnet_keras.inference.evaluation import Evaluation
from alexnet_keras.inference.predictor import Predictor
from alexnet_keras.system.errors import InputError, OptionError


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_every_image_counts_once(batch_size, monkeypatch):
    """The colour of an image is its index, and the model is right about the even ones."""
    monkeypatch.setattr(evaluation, "BATCH_SIZE", batch_size)
    count = 7
    images = np.repeat(np.arange(count, dtype=np.uint8), 256 * 256 * 3).reshape(count, 256, 256, 3)
    split = split_in_memory([""] * count, np.arange(count) % 2, images)
    seen = []

    def predict(batch):
        seen.extend(batch[:, 0, 0, 0])
        return np.tile([0.9, 0.1], (len(batch), 1))

    result = evaluate(Predictor(predict, 227, ("even", "odd")), split)
    assert seen == list(range(count))
    assert result.num_images == count
    assert result.top1_error == pytest.approx(3 / 7)
    assert result.top5_error == 0


def test_ten_crops_average_probabilities():
    """The model is sure of the wrong class in the centre crop, and leans towards the right one in the other nine."""
    images = np.zeros((3, 256, 256, 3), np.uint8)
    images[:, 120:130, 120:130] = 255  # in the middle of the centre crop alone
    split = split_in_memory([""] * 3, np.ones(3, np.int64), images)
    calls = []

    def predict(batch):
        calls.append(len(batch))
        central = batch[:, 107:115, 107:115].mean(axis=(1, 2, 3)) > 200
        return np.where(central[:, None], [0.9, 0.1], [0.3, 0.7])

    predictor = Predictor(predict, 227, ("wrong", "right"))
    assert evaluate(predictor, split, crops=1).top1_error == 1
    with pytest.raises(OptionError, match="`crops` must be 1 or 10, got 5"):
        evaluate(predictor, split, crops=5)
    result = evaluate(predictor, split, crops=10)
    assert result == Evaluation(top1_error=0, top5_error=0, num_images=3, crops=10)
    assert sum(calls[1:]) == 30


def test_a_model_of_other_classes_is_refused(folder):
    predictor = Predictor(lambda images: images, 227, ("a", "b", "c", "d"))
    with pytest.raises(
        InputError, match=r"The model has 4 classes \(a, b, c, ...\), but .* has 3 \(blue, green, red\)"
    ):
        check_classes(predictor, open_dataset(str(folder)))


def test_several_models_are_averaged_and_measured_one_by_one():
    """Two models of other input sizes are wrong about one image each, and sure of the others."""
    split = split_in_memory(["a", "b", "c"], np.array([0, 1, 1]), np.zeros((3, 256, 256, 3), np.uint8))
    sides = []

    def predictor(side, *probabilities):
        def predict(batch):
            sides.append(batch.shape[1])
            return np.array([[1 - p, p] for p in probabilities], np.float32)

        return Predictor(predict, side, ("zero", "one"))

    result = evaluate([predictor(227, 0.6, 0.9, 0.9), predictor(67, 0.1, 0.9, 0.2)], split)
    assert sides == [227, 67]
    assert [model.top1_error for model in result.models] == pytest.approx([1 / 3, 1 / 3])
    assert result.top1_error == 0
    assert result.answers.classes[:, 0].tolist() == [0, 1, 1]
    assert result.answers.probabilities[:, 0] == pytest.approx([0.65, 0.9, 0.55])
    assert evaluate(predictor(227, 0.1, 0.9, 0.9), split).models == ()
