"""Options of a run that cannot be honoured are refused before anything is computed or written."""

import dataclasses
import json
import math

import pytest
from support import cli, only_error

from alexnet_keras.system.errors import OptionError
from alexnet_keras.training.options import RunOptions
from alexnet_keras.training.train import train


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint_minutes": math.nan}, "`checkpoint_minutes` must be a number, got nan."),
        ({"checkpoint_minutes": -1}, "`checkpoint_minutes` must be 0 to 1,000,000, got -1."),
        ({"layout": "two_tower"}, "`layout` must be one of replicas, two-tower, got 'two_tower'."),
    ],
)
def test_options_out_of_range(options, message, config, tmp_path):
    with pytest.raises(OptionError, match=message):
        train(config, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_the_recipe_on_the_command_line(tmp_path):
    result = cli("train", "--recipe", "transfer", "--run", tmp_path / "run")
    assert result.code == 2
    message = "The recipe transfer starts from trained weights; name their file with --weights."
    assert message in only_error(result)
    frozen_nothing = cli("train", "--freeze", "conv5", "--run", tmp_path / "run")
    assert "--freeze conv5 keeps trained weights; name their file" in only_error(frozen_nothing)
    assert message in only_error(cli("train", "--recipe", "transfer", "--dry-run"))
    without_layers = cli("train", "--set", "freeze_epochs=2", "--run", tmp_path / "run")
    assert without_layers.code == 2
    assert "--set freeze_epochs 2 needs layers to freeze; name the last of them with --freeze." in only_error(
        without_layers
    )
    result = cli("train", "--recipe", "transfer", "--weights", tmp_path / "absent.npz", "--run", tmp_path / "run")
    assert result.code == 2
    assert "absent.npz is not a file; check the path." in only_error(result)
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_needs_no_file_of_weights(config, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    transfer = dataclasses.replace(config, recipe="transfer", weights=None)
    with pytest.raises(OptionError, match="The recipe transfer starts from trained weights; name their file"):
        RunOptions().check(transfer)
    assert RunOptions(resume=True).check(transfer) is None
    assert RunOptions(resume=True).check(dataclasses.replace(config, weights="absent.npz")) is None


def test_the_workers_of_the_environment_share_the_batch(config, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    found = RunOptions().check(dataclasses.replace(config, batch_size=6))
    assert (found.addresses, found.index) == (("a:1", "b:1"), 1)
    with pytest.raises(OptionError, match="`batch_size` 5 cannot be divided among 2 workers; choose a multiple of 2"):
        RunOptions().check(config)
