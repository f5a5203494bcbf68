"""The picture of the filters is made from any file of trained weights, and is small."""

import subprocess
import sys

import numpy as np
from support import ROOT

PICTURES = ROOT / "docs" / "pictures"


def test_it_draws_a_file_of_weights(tmp_path):
    random = np.random.default_rng(0)
    weights = {"conv1/kernel": random.normal(size=(11, 11, 3, 96)), "conv1/bias": np.zeros(96)}
    np.savez(tmp_path / "weights.npz", **{name: value.astype("float32") for name, value in weights.items()})
    program = [sys.executable, PICTURES / "filters.py", tmp_path / "weights.npz", tmp_path / "filters.png"]
    subprocess.run(program, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path)})
    assert (tmp_path / "filters.png").read_bytes().startswith(b"\x89PNG")


def test_the_pictures_of_the_pages_are_small():
    for picture in PICTURES.glob("*.png"):
        assert picture.stat().st_size < 300_000, picture
