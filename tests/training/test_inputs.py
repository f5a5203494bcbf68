"""What a run is trained on."""

import dataclasses
import sys

import numpy as np
import pytest

from alexnet_keras.data import compiled_resize
from alexnet_keras.data.dataset import ImageForm
from alexnet_keras.data.shards.convert import Settings
from alexnet_keras.data.shards.prepare import prepare
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.training.inputs import open_inputs


@pytest.fixture
def without_numba(monkeypatch):
    """Hide Numba from the only function that imports it."""
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled_resize._compiled.cache_clear()
    yield
    compiled_resize._compiled.cache_clear()


def opened(config, path, capsys):
    inputs = open_inputs(config, path / "run", None, may_prepare=False)
    return inputs.training, [line for line in capsys.readouterr().err.splitlines() if "Numba" in line]


def test_without_numba_the_pixels_are_the_same_and_a_line_says_how_to_be_faster(config, tmp_path, capsys, request):
    resized, nothing = opened(config, tmp_path, capsys)
    request.getfixturevalue("without_numba")
    same, lines = opened(config, tmp_path, capsys)
    assert nothing == []
    assert lines == [
        "Numba is not installed, so resizing images takes seven to fourteen times as long; "
        "install it with `pip install 'alexnet-keras[fast]'`."
    ]
    indices = np.arange(len(same))
    np.testing.assert_array_equal(same.read_batch(indices), resized.read_batch(indices))


@pytest.mark.usefixtures("without_numba")
def test_stored_images_need_no_numba(config, tmp_path, capsys):
    prepare(open_dataset(config.data), tmp_path / "shards", Settings())
    capsys.readouterr()
    config = dataclasses.replace(config, data=str(tmp_path / "shards"))
    assert open_dataset(config.data).train.form is ImageForm.STORED_JPEG
    assert opened(config, tmp_path, capsys)[1] == []
    cropped = dataclasses.replace(config, min_crop_area=0.35)  # which resizes every crop
    assert len(opened(cropped, tmp_path, capsys)[1]) == 1
