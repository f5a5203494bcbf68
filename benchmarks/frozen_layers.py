"""Compare training on frozen convolutions with features computed once and with features computed in every epoch.

    python3 benchmarks/frozen_layers.py WEIGHTS DATA [--epochs 3]

The script prints a table of the seconds of both runs and the images per second of their epochs. Both train on central
crops and their flips in the same order.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

from alexnet_keras.config.recipes import recipe
from alexnet_keras.training import feature_cache, run_folder
from alexnet_keras.training.train import train


def measure(weights, data, epochs, cached, folder):
    config = dataclasses.replace(recipe("transfer"), weights=weights, data=data, epochs=epochs, freeze="conv5")
    fits = feature_cache.fits_in_memory
    feature_cache.fits_in_memory = lambda num_bytes: cached and fits(num_bytes)
    compute, start = feature_cache.compute, time.monotonic()
    seconds = []

    def timed(*arguments):
        begin = time.monotonic()
        features = compute(*arguments)
        seconds.append(time.monotonic() - begin)
        return features

    feature_cache.compute = timed
    train(config, Path(folder) / str(cached))
    feature_cache.fits_in_memory, feature_cache.compute = fits, compute
    history = run_folder.read_history(Path(folder) / str(cached))
    return {
        "features once": sum(seconds),
        "epochs": sum(row["seconds"] for row in history),
        "images/s": max(row["images_per_second"] for row in history),
        "total": time.monotonic() - start,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = {
            cached: measure(options.weights, options.data, options.epochs, cached, folder) for cached in (True, False)
        }
    print("| features | computing them once, s | epochs with validation, s | images/s of training |")
    print("| --- | --- | --- | --- |")
    for cached, values in results.items():
        once, seconds = f"{values['features once']:.1f}" if cached else "", f"{values['epochs']:.1f}"
        print(f"| {'computed once' if cached else 'in every epoch'} | {once} | {seconds} | {values['images/s']:.0f} |")
