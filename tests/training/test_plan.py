"""The plan says what a run is about to do, and what it needs."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from alexnet_keras.system import disk
from alexnet_keras.system.errors import InputError
from alexnet_keras.training.checkpoints import Checkpoints
from alexnet_keras.training.plan import bytes_needed, print_plan
from alexnet_keras.training.train import train


def test_a_disk_without_space_is_refused_before_the_first_step(config, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1000)
    with pytest.raises(InputError, match=r"The run .*run needs [\d.]+ MB, but the disk of .*run has 0.00 MB free"):
        train(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_disk_space_is_that_of_three_checkpoints_with_their_models_less_what_is_there(begin):
    network = begin().network
    sizes = [8, 2]  # bytes of an int64 and of a float16
    variables = {"a": keras.Variable(np.int64(1), dtype="int64"), "b": keras.Variable(np.float16(1), dtype="float16")}
    checkpoints = Checkpoints(network.checkpoints.final, variables)
    model = sum(variable.numpy().nbytes for variable in network.blank.variables)
    assert bytes_needed(dataclasses.replace(network, checkpoints=checkpoints)) == 3 * (sum(sizes) + model)
    written = checkpoints.write(network.state).stat().st_size
    assert bytes_needed(dataclasses.replace(network, checkpoints=checkpoints)) == 3 * (sum(sizes) + model) - written


def printed(begun, capsys, **changes):
    """The rows of the plan, by their names."""
    capsys.readouterr()
    print_plan(begun.config, begun.inputs, dataclasses.replace(begun.network, **changes))
    return dict(line.split(maxsplit=1) for line in capsys.readouterr().err.splitlines() if line[0] != " ")


def test_what_differs_from_the_recipe_and_from_the_usual_is_named(begin, tmp_path, capsys):
    begun = begin("mixed_bfloat16", upright=False)
    rows = printed(begun, capsys)
    assert list(rows) == ["recipe", "variant", "data", "run", "hardware", "precision", "disk", "warning"]
    assert rows["recipe"] == "quickstart with input_size=67, batch_size=5, epochs=2, precision=float32"
    assert rows["data"].startswith("colours: 12 training and 9 validation images of 3 classes; images are not turned")
    assert rows["run"] == str(tmp_path / "run")
    assert rows["precision"].startswith("mixed_bfloat16 (as the run began), XLA ")


def test_few_images_for_random_weights_are_a_warning(begin, capsys):
    begun = begin()
    assert printed(begun, capsys)["warning"].startswith("4 training images for each class are few for a network that")
    begun.config = dataclasses.replace(begun.config, weights="weights.npz")  # from which it starts instead
    assert "warning" not in printed(begun, capsys)


def test_only_the_chief_prints(begin, capsys):
    assert printed(begin(), capsys, replicas=SimpleNamespace(is_chief=False)) == {}
