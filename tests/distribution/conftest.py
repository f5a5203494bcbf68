"""The data that the tests of this room train on."""

import pytest
from support import draw_folder


@pytest.fixture(scope="module")
def nine(tmp_path_factory):
    """Nine training pictures, so that batches of four end in one of a single picture; seven for validation."""
    root = draw_folder(tmp_path_factory.mktemp("data") / "nine", train=3, val=3)
    (root / "val" / "red" / "0.jpg").unlink()
    (root / "val" / "red" / "1.png").unlink()
    return root
