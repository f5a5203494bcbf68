"""The tensors of a narrow AlexNet of torchvision, and the assertion that weights are theirs."""

import numpy as np
import pytest
from support.weight_files import blobs, torchvision_tensors

GIVEN = blobs(groups=1)


@pytest.fixture
def torchvision():
    """Name in torchvision -> tensor."""
    return torchvision_tensors(GIVEN)


@pytest.fixture
def assert_torchvisions():
    """Assert that weights are those of `torchvision`, whose third convolution is only transposed."""

    def check(weights):
        assert list(weights.layers) == list(GIVEN)
        assert weights.unknown == ()
        np.testing.assert_array_equal(weights.layers["conv3"]["kernel"], GIVEN["conv3"][0].transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(weights.layers["fc8"]["bias"], GIVEN["fc8"][1])

    return check
