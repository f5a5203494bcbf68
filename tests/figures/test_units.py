"""The patches that excite a unit are cut where its output is largest."""

import numpy as np
import pytest
from support.drawings import assert_well_set, images, words

from alexnet_keras import figures
from alexnet_keras.figures import one_image, units
from alexnet_keras.inference.features import compiled, until
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.system.errors import InputError, OptionError


def test_patches(network, folder, crops):
    figure = figures.patches(network, str(folder), "conv1", 5)
    values = [float(axes.get_title()) for axes in figure.axes if axes.images]
    assert values == sorted(values, reverse=True)
    maps = np.stack([one_image.feature_maps(network, crop)["conv1"][..., 5] for crop in crops])
    index, row, column = np.unravel_index(maps.argmax(), maps.shape)
    assert values[0] == pytest.approx(float(maps.max()), rel=1e-2)
    patch = crops[index, 4 * row : 4 * row + 11, 4 * column : 4 * column + 11]
    np.testing.assert_array_equal(images(figure)[0], patch)
    assert_well_set(figure)


@pytest.mark.parametrize(("value", "text"), [(0.37, "0.370"), (12.0, "12.0"), (125.0, "125")])
def test_outputs_have_three_digits(value, text, network, folder, monkeypatch):
    monkeypatch.setattr(units, "strongest", lambda output, index: (value, index, 0, 0))
    figure = figures.patches(network, str(folder), "conv1", 5)
    assert {axes.get_title() for axes in figure.axes if axes.images} == {text}


def test_patches_of_a_unit_of_fc6_are_whole_images(network, folder, crops):
    unit = int(compiled(until(network, "fc6"))(crops).max(axis=0).argmax())
    assert images(figures.patches(network, str(folder), "fc6", unit))[0].shape == (67, 67, 3)


@pytest.mark.parametrize(
    ("layer", "unit", "message"),
    [
        ("conv5", 8, "`unit` must be 0 to 7, because conv5 has 8 channels, got 8."),
        ("conv9", 0, "no `layer` 'conv9'; choose from images, mean, conv1"),
    ],
)
def test_units_that_do_not_exist(network, folder, layer, unit, message):
    with pytest.raises(OptionError, match=message):
        figures.patches(network, str(folder), layer, unit)


def test_only_images_that_excite_the_unit_are_drawn(tiny, folder):
    model = AlexNet(tiny, classes=3, input_shape=(67, 67, 3))
    kernel, bias = model.get_layer("conv1a").get_weights()
    kernel[:], bias[:] = np.array([1, -1, -1])[:, None], 0  # more red than green and blue
    kernel[..., 1], bias[1] = 0, -1
    model.get_layer("conv1a").set_weights([kernel, bias])
    figure = figures.patches(model, str(folder), "conv1", 0)
    assert len(images(figure)) == 3
    caption = "The 3 of 9 validation images that excite the unit most, one patch each. Numbers: the output"
    assert words(figure)[-1].replace("\n", " ").startswith(caption)
    with pytest.raises(InputError) as caught:
        figures.patches(model, str(folder), "conv1", 1)
    expected = "The output of unit 1 of conv1 is not positive for any of 9 validation images; choose another."
    assert str(caught.value) == expected


def test_the_last_convolution_is_the_default(small, folder):
    assert images(figures.patches(small, str(folder), None, 0))[0].shape == (35, 35, 3)


def test_a_limit_out_of_range(network, folder):
    with pytest.raises(OptionError, match="`limit` must be 1 to 1,000,000, got -1."):
        figures.patches(network, str(folder), "conv5", 0, limit=-1)


def test_the_strongest_position_of_a_feature_map():
    output = np.zeros((4, 5))
    output[2, 3] = 7
    assert units.strongest(output, 9) == (7.0, 9, 2, 3)
    assert units.strongest(np.float32(3), 1) == (3.0, 1, 0, 0)


def test_a_patch_is_grey_outside_the_image():
    image = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3)
    patch = units.cut(image, rows=(-2, 1), columns=(3, 6))
    np.testing.assert_array_equal(patch[2:, :2], image[:2, 3:])
    assert (patch[:2] == 127).all()
    assert (patch[:, 2:] == 127).all()
    np.testing.assert_array_equal(units.cut(image, (1, 3), (0, 2)), image[1:4, 0:3])
