"""The data that the tests of this room train on, and one run on one device to compare with."""

import pytest
from support import draw_folder
from support.processes import train


@pytest.fixture(scope="session")
def nine(tmp_path_factory):
    """Nine training images, so that batches of four end in one of a single image; seven for validation."""
    root = draw_folder(tmp_path_factory.mktemp("data") / "nine", train=3, val=3)
    (root / "val" / "red" / "0.jpg").unlink()
    (root / "val" / "red" / "1.png").unlink()
    return root


@pytest.fixture(scope="session")
def one(nine, tmp_path_factory):
    """A run on one device."""
    return train(nine, tmp_path_factory.mktemp("runs") / "one", "cpu:1")
