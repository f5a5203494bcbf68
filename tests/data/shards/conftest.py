"""A drawn data set, prepared once as raw shards and as JPEG shards."""

import pytest
from support import draw_folder

from alexnet_keras.config.training import ENCODINGS
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The same twelve and nine images as a folder, as raw shards and as JPEG shards."""
    root = tmp_path_factory.mktemp("prepared")
    draw_folder(root / "colours")
    source = open_dataset(str(root / "colours"))
    for encoding in ENCODINGS:
        prepare(source, root / encoding, Settings(encoding=encoding))
    return root
