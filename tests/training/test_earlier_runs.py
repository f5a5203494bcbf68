"""Run folders and `.keras` files that version 0.1.0 wrote are read by this version.

tests/fixtures/ holds two runs of a tiny network on twelve images: one that was finished, and one that was stopped by a
signal after the first step of its second epoch. Both were written before the modules and some fields got other names.
"""

import shutil

import numpy as np
import pytest
from support import ROOT, cli, draw_folder

from alexnet_keras import load_model
from alexnet_keras.inference.evaluation import Evaluation
from alexnet_keras.system.input_files import read_json
from alexnet_keras.training import run_folder

FIXTURES = ROOT / "tests" / "fixtures"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working directory with both runs and the data that they name."""
    draw_folder(tmp_path / "colours")
    for name in ("finished_run", "unfinished_run"):
        shutil.copytree(FIXTURES / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_file_keeps_its_probabilities(home):
    model = load_model(home / "finished_run" / "model.keras")
    images = np.random.RandomState(0).randint(0, 256, (2, 67, 67, 3)).astype(np.uint8)
    expected = [[0.352136, 0.321671, 0.326193], [0.347631, 0.325164, 0.327204]]  # as version 0.1.0 computed them
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-4)
    assert model.get_layer("mean").mean == pytest.approx((88.522, 89.521, 88.515), abs=1e-3)


def test_a_finished_run_has_the_same_errors(home):
    config, measured = run_folder.read_config(home / "finished_run")
    assert (config.pca_noise, config.pca_noise_epochs) == (None, None)
    assert measured.colors.mean[0] == pytest.approx(88.522, abs=1e-3)
    result = cli("evaluate", "finished_run", "--json")
    assert result.code == 0, result.err
    recorded = Evaluation.from_dict(read_json(home / "finished_run" / "evaluation.json"))
    assert result.json["top1_error"] == recorded.top1_error


def test_an_unfinished_run_is_resumed(home):
    result = cli("train", "--run", "unfinished_run", "--resume")
    assert result.code == 0, result.err
    assert [int(row["epoch"]) for row in run_folder.read_history(home / "unfinished_run")] == [1, 2, 3]


def test_a_run_that_cannot_be_resumed_stays_as_it_was(home):
    run = home / "unfinished_run"
    for checkpoint in (run / "checkpoints").glob("step-*.npz"):
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    before = {path: path.is_file() and path.read_bytes() for path in run.rglob("*")}
    result = cli("train", "--run", run, "--resume")
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("Error: No checkpoint can be used: ")
    assert {path: path.is_file() and path.read_bytes() for path in run.rglob("*")} == before


def test_a_finished_run_is_resumed_without_its_data(home):
    shutil.rmtree(home / "colours")
    result = cli("train", "--run", "finished_run", "--resume")
    assert result.code == 0, result.err
    assert "finished_run is finished; there is nothing to resume." in result.err
