"""Measure which fraction of the time of a run is spent on saving it.

    python3 benchmarks/saving.py DATA [--recipe quickstart] [--epochs 27] [--steps 6] [--batch-size 16]

The run trains the network of the recipe in the default precision. Its time is counted from the first epoch to the end
of the last checkpoint. Saving is writing the checkpoints, model.keras and history.csv.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import alexnet_keras
from alexnet_keras.training import loop
from alexnet_keras.training.callbacks.checkpoint_writer import CheckpointWriter


class Measured(CheckpointWriter):
    """The writer of checkpoints, whose seconds can be read after the run."""

    count = 0
    seconds: dict[str, float]

    def _write(self, start=None):
        saved = super()._write(start)
        Measured.seconds = {"all": time.monotonic() - self.began, "saving": self.spent}
        Measured.count += 1
        return saved


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--recipe", default="quickstart")
    parser.add_argument("--epochs", type=int, default=27)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=16)
    options = parser.parse_args()
    loop.CheckpointWriter = Measured
    with tempfile.TemporaryDirectory() as folder:
        alexnet_keras.train(
            options.data,
            recipe=options.recipe,
            run=Path(folder) / "run",
            epochs=options.epochs,
            steps_per_epoch=options.steps,
            batch_size=options.batch_size,
        )
    spent = Measured.seconds
    fraction = spent["saving"] / spent["all"]
    counts = f"checkpoints: {Measured.count} in {options.epochs} epochs"
    print(f"{counts}; saving: {spent['saving']:.1f} of {spent['all']:.1f} s, {fraction:.1%}")
