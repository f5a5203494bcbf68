"""A model must take images of one size and return a probability for each named class."""

import pytest

from alexnet_keras.config.training import STORED_SIZE
from alexnet_keras.inference.signature import MOST_ELEMENTS, Port, check_classes, check_elements, image_side
from alexnet_keras.system.errors import InputError


@pytest.mark.parametrize(
    ("batch", "side", "dtype"),
    [(None, 67, "float32"), ("batch", STORED_SIZE, "uint8"), (1, 1, "float32"), (32, 67, "uint8")],
)
def test_squares_of_both_types_and_any_batch_are_images(batch, side, dtype):
    assert image_side("m", [Port((batch, side, side, 3), dtype)]) == side


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "The model m takes nothing, but a classifier of images takes one input"),
        ([Port((None, 67, 67, 3))] * 2, r"takes float32 \(any, 67, 67, 3\) and float32 \(any, 67, 67, 3\), but a"),
        ([Port((67, 67, 3))], r"takes float32 \(67, 67, 3\), but a"),
        ([Port((None, 3, 67, 67))], r"takes float32 \(any, 3, 67, 67\), but a"),
        ([Port((None, "side", 67, 3))], r"takes float32 \(any, any, 67, 3\), but a"),
        ([Port((None, 0, 0, 3))], r"takes float32 \(any, 0, 0, 3\), but a"),
        ([Port((0, 67, 67, 3))], r"takes float32 \(0, 67, 67, 3\), but a"),
        ([Port((None, 67, 67, 3), "int32")], r"takes int32 \(any, 67, 67, 3\), but a"),
        ([Port((None, 67, 60, 3))], "takes images of 67 x 60 pixels, but images are cropped to squares of at most 256"),
        ([Port((None, 257, 257, 3))], "takes images of 257 x 257 pixels, but images are cropped to squares"),
    ],
)
def test_other_inputs_are_refused(inputs, message):
    with pytest.raises(InputError, match=message):
        image_side("m", inputs)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([], "The model m returns nothing, but a classifier returns one output"),
        ([Port((None, 2))] * 2, r"returns float32 \(any, 2\) and float32 \(any, 2\), but a classifier"),
        ([Port((None, 1, 2))], r"returns float32 \(any, 1, 2\), but a classifier"),
        ([Port((None, 2), "int64")], r"returns int64 \(any, 2\), but a classifier"),
        ([Port((None, 3))], r"has 2 class names, but returns float32 \(any, 3\); export it again"),
        ([Port((None, None))], r"has 2 class names, but returns float32 \(any, any\); export it again"),
    ],
)
def test_other_outputs_are_refused(outputs, message):
    check_classes("m", [Port((None, 2), "uint8")], ("a", "b"))
    with pytest.raises(InputError, match=message):
        check_classes("m", outputs, ("a", "b"))


@pytest.mark.parametrize("largest", [(MOST_ELEMENTS,), (0, 2, MOST_ELEMENTS // 2), (-1, MOST_ELEMENTS)])
def test_the_numbers_of_an_array_are_limited(largest):
    check_elements("m", [(), largest])  # a free side counts once
    larger = (*largest[:-1], largest[-1] + 1)
    sides = " x ".join(map(str, larger))
    with pytest.raises(InputError, match=f"m declares an array of {sides} numbers, more than the limit of 134,217,728"):
        check_elements("m", [(3, 3), larger])
