"""Memory of a training process: how much at most, and that it does not grow from step to step."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.processes import Program

WARM_UP = 40  # steps; two epochs with their validation, models and checkpoints lie among them
STEPS = 200

PROGRAM = """
import dataclasses
import json
import resource
import sys
from pathlib import Path

import psutil

from support.train_tiny import SMALL

from alexnet_keras.config.recipes import recipe
from alexnet_keras.training.callbacks.position import Position
from alexnet_keras.training.train import train

run, values = Path(sys.argv[1]), json.loads(sys.argv[2])
if values.pop("small", False):
    values["architecture"] = SMALL
resident, process, step = [], psutil.Process(), Position.on_train_batch_end

def watch(self, batch, logs=None):
    step(self, batch, logs)
    resident.append(process.memory_info().rss)

Position.on_train_batch_end = watch
train(dataclasses.replace(recipe("quickstart"), **values), run)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"resident": resident, "peak": peak}))
"""


def measure(run: Path, **values: object) -> tuple[np.ndarray, float]:
    """Resident memory after each step, and the process's peak, in MB of 10^6 bytes."""
    found = json.loads(Program("-c", PROGRAM, run, json.dumps(values)).succeed().out.splitlines()[-1])
    return np.array(found["resident"]) / 1e6, found["peak"] / 1e6


def growth(resident: np.ndarray) -> float:
    """Medians of the first and the last fifty of the steps after warm-up: one allocation more or less is no growth."""
    assert len(resident) >= WARM_UP + STEPS
    after = resident[WARM_UP : WARM_UP + STEPS]
    return float(np.median(after[-50:]) - np.median(after[:50]))


def test_memory_does_not_grow(folder, tmp_path):
    resident, _ = measure(
        tmp_path / "run", data=str(folder), small=True, input_size=67, batch_size=1, epochs=20, steps_per_epoch=12
    )
    assert growth(resident) < 40  # a batch, its activations or its weights kept by each step would be hundreds


@pytest.mark.slow
def test_memory_of_the_paper_network(tmp_path):
    resident, peak = measure(tmp_path / "run", batch_size=128, epochs=16, steps_per_epoch=15)
    grown = growth(resident)
    print(f"peak {peak:,.0f} MB; resident after step 40 {resident[40]:,.0f} MB, grown over 200 steps {grown:+,.0f} MB")
    assert grown < 0.02 * resident[WARM_UP]
