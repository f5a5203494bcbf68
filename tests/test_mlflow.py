"""The example for MLflow logs what a run measured."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from support import ROOT

FOUND = """
import json, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
(found,) = mlflow.search_runs(experiment_names=["alexnet-keras"], output_format="list")
files = [file.path for file in mlflow.artifacts.list_artifacts(run_id=found.info.run_id)]
print(json.dumps([found.data.params, found.data.metrics, files]))
"""


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed")
def test_the_example_logs_a_run(folder, tmp_path):
    settings = [f"--set={setting}" for setting in ("batch_size=6", "input_size=67", "steps_per_epoch=1")]
    command = [sys.executable, ROOT / "examples" / "mlflow" / "train.py", "--data", folder, "--width", "0.05"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "--epochs", "2", *settings], cwd=tmp_path, env=environment, check=True)
    read = subprocess.run([sys.executable, "-c", FOUND], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True)
    parameters, metrics, files = json.loads(read.stdout)
    assert parameters["epochs"] == "2"
    assert {"loss", "val_accuracy", "top1_error", "top5_error"} <= set(metrics)
    assert {"README.md", "config.json", "history.csv"} <= set(files)
