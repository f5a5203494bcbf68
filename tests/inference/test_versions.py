"""TensorFlow Serving serves the highest number in a folder of versions."""

import pytest

from alexnet_keras.inference.versions import GRAPH, find_saved_model


@pytest.mark.parametrize(
    ("graphs", "found"),
    [
        (["."], "."),
        (["1", "2", "10"], "10"),
        (["2", "x", "1.5", "-3", "\u0663", "9" * 30], "2"),
        ([".", "7"], "."),
        ([], None),
        (["1/1"], None),
    ],
)
def test_the_newest_version_is_found(graphs, found, tmp_path):
    (tmp_path / "11").mkdir()  # without a model
    for name in graphs:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / GRAPH).touch()
    assert find_saved_model(tmp_path) == (None if found is None else tmp_path / found)
