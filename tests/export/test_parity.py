"""The parity check finds each difference that is out of bounds."""

import dataclasses

import numpy as np
import pytest
from support import CLASS_NAMES

from alexnet_keras.export.parity import BOUNDS, Measurement, Parity, check_parity
from alexnet_keras.inference.predictor import Predictor


def constant(*probabilities):
    row = np.array([probabilities], np.float32)
    return Predictor(lambda images: np.repeat(row, len(images), axis=0), 227, CLASS_NAMES)


def test_the_parity_check_measures_differences(dataset):
    result = check_parity(constant(0.5, 0.3, 0.2), constant(0.3, 0.5, 0.2), dataset.validation)
    assert result.num_images == 9
    assert result.max_abs_difference == pytest.approx(0.2)
    assert result.top1_agreement == 0
    assert result.keras.top1_error == result.exported.top1_error == pytest.approx(2 / 3)
    assert result.equal_class_names
    unlabelled = check_parity(constant(0.5, 0.3, 0.2), constant(0.4, 0.3, 0.3), dataset.validation, own_classes=False)
    assert (unlabelled.keras.top1_error, unlabelled.exported.top5_error) == (None, None)
    assert unlabelled.shortcomings(BOUNDS["int8"]) == []
    renamed = dataclasses.replace(constant(0.5, 0.3, 0.2), class_names=("blue", "green", "\n"))
    assert not check_parity(constant(0.5, 0.3, 0.2), renamed, dataset.validation).equal_class_names


SAME = Measurement(top1_error=0.2, top5_error=0.05, milliseconds=10, images_per_second=100)
GOOD = Parity(500, 0.0, 1.0, SAME, SAME)


@pytest.mark.parametrize(
    ("quantize", "changes", "words"),
    [
        ("none", {"max_abs_difference": 1e-4}, None),
        ("none", {"equal_class_names": False}, "other class names than the Keras model"),
        ("none", {"max_abs_difference": 1.1e-4}, "largest difference 0.00011, above 0.0001"),
        ("none", {"max_abs_difference": float("nan")}, "largest difference nan, above"),
        ("none", {"top1_agreement": 0.998}, "equal top-1 99.80%, below 99.9%"),
        ("float16", {"max_abs_difference": 0.1, "top1_agreement": 0.996}, None),
        ("float16", {"top1_agreement": 0.994}, "equal top-1 99.40%, below 99.5%"),
        ("dynamic", {"top1_agreement": 0.978}, "equal top-1 97.80%, below 98.0%"),
        ("int8", {"top1_agreement": 0.982, "exported": dataclasses.replace(SAME, top1_error=0.21)}, None),
        (
            "int8",
            {"exported": dataclasses.replace(SAME, top1_error=0.212)},
            "top-1 val error 21.20% instead of 20.00%, over 1% more",
        ),
        ("int8-only", {"exported": dataclasses.replace(SAME, top1_error=0.22)}, None),
        (
            "int8-only",
            {"exported": dataclasses.replace(SAME, top5_error=0.072)},
            "top-5 val error 7.20% instead of 5.00%, over 2% more",
        ),
    ],
)
def test_bounds(quantize, changes, words):
    found = dataclasses.replace(GOOD, **changes).shortcomings(BOUNDS[quantize])
    assert (found == []) if words is None else (len(found) == 1 and found[0].startswith(words))
