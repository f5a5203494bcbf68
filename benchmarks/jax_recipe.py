"""Train a recipe, or an experiment of the command `reproduce`, on one GPU with Keras's JAX backend.

    python3 -m pip install keras jax[cuda13] numba pillow
    python3 benchmarks/jax_recipe.py imagenette --recipe quickstart --epochs 14
    python3 benchmarks/jax_recipe.py imagenette --set learning_rate=0.01 --change batch_normalization=yes --seeds 1
    python3 benchmarks/jax_recipe.py imagenette --experiment ablations --seeds 4 --at-once 5 --output ablations.json

The folder has `train/<class>/<image>` and `val/<class>/<image>`. Pillow decodes JPEG files as the package does, and the
package resizes them. `jax_training.py` trains. The script prints a line of JSON for each seed, with the top-1 error of
central crops after the last epoch.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np


def decoded(folder, split, size, cache):
    """Decode the images of a split to `size` x `size` pixels, unless a file has them: `(N, size, size, 3)` uint8."""
    file = cache / f"{split}-{size}.npy"
    if file.exists():
        return np.load(file, mmap_mode="r")
    from PIL import Image

    from alexnet_keras.data.compiled_resize import rescaled_crop

    paths = [path for name in classes_of(folder) for path in sorted((folder / split / name).iterdir())]
    images = np.empty((len(paths), size, size, 3), np.uint8)

    def decode(index):
        with Image.open(paths[index]) as image:
            images[index] = rescaled_crop(np.array(image.convert("RGB")), size, np.zeros(2, np.int32), size)

    with ThreadPoolExecutor() as pool:
        list(pool.map(decode, range(len(paths))))
    partial = file.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, images)
    partial.rename(file)
    return images


def classes_of(folder):
    return sorted(path.name for path in (folder / "train").iterdir())


def labels_of(folder, split):
    counts = [len(list((folder / split / name).iterdir())) for name in classes_of(folder)]
    return np.repeat(np.arange(len(counts)), counts)


def train(title, candidates, trial_epochs, folder, cache, seeds, policy):
    """Train one configuration with several seeds, or first choose it from several by the training error of a trial."""
    os.environ.update(KERAS_BACKEND="jax", XLA_PYTHON_CLIENT_PREALLOCATE="false")  # processes share the GPU
    from jax_training import Training

    from alexnet_keras.config.recipes import stretched

    size = candidates[0].stored_size
    splits = [(decoded(folder, split, size, cache), labels_of(folder, split)) for split in ("train", "val")]
    runs = []

    def finish(config, chosen, trial):
        training = Training(config, *splits, len(classes_of(folder)), policy)
        for seed in chosen:
            runs.append({"row": title, "trial": trial, "epochs": config.epochs} | training.run(seed))
            shown = {name: value for name, value in runs[-1].items() if name != "training_errors"}
            print(json.dumps(shown | {"training_error": runs[-1]["training_errors"][-1]}), flush=True)

    if len(candidates) > 1:
        for candidate in candidates:
            finish(dataclasses.replace(stretched(candidate, trial_epochs), target_error=None), [0], True)
        ends = [each["training_errors"][-1] if len(each["training_errors"]) == trial_epochs else 1.0 for each in runs]
        candidates = [candidates[int(np.argmin(ends))]]
    finish(candidates[0], range(seeds), False)
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="quickstart")
    parser.add_argument("--experiment", help="instead of a recipe: figure-1, cifar-18 or ablations")
    parser.add_argument("--rows", type=int, nargs="+", help="numbers of the rows of the experiment, from 0")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as for alexnet-keras train")
    parser.add_argument("--change", action="append", default=[], metavar="NAME=VALUE", help="likewise")
    parser.add_argument("--precision", default="mixed_bfloat16", choices=["mixed_bfloat16", "float32"])
    parser.add_argument("--at-once", type=int, default=1, help="processes that train rows of an experiment together")
    parser.add_argument("--decoded", type=Path, help="folder that keeps decoded images for the next call")
    parser.add_argument("--output", type=Path, help="JSON file of all runs, with the training error of each epoch")
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    rows = rows_of(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        cache = arguments.decoded or Path(temporary)
        for size in {candidates[0].stored_size for _, candidates, _ in rows}:
            for split in ("train", "val"):
                decoded(arguments.data, split, size, cache)
        common = (arguments.data, cache, arguments.seeds, arguments.precision)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.at_once, mp_context=context) as pool:
            results = [pool.submit(train, *row, *common) for row in rows]
            runs = [run for result in results for run in result.result()]
    if arguments.output:
        arguments.output.write_text(json.dumps({"precision": arguments.precision, "runs": runs}))


def rows_of(arguments):
    """The title, the candidates and the epochs of a trial of each network to train."""
    from alexnet_keras.config.assignments import parse_changes, parse_settings
    from alexnet_keras.config.experiments import experiment
    from alexnet_keras.config.recipes import recipe, stretched, with_network

    if not arguments.experiment:
        config = with_network(recipe(arguments.recipe, arguments.epochs), None, **parse_changes(arguments.change))
        return [(arguments.recipe, [dataclasses.replace(config, **parse_settings(arguments.set))], 0)]
    chosen = experiment(arguments.experiment)
    rows = []
    for index in range(len(chosen.rows)) if arguments.rows is None else arguments.rows:
        row = chosen.rows[index]
        candidates = [stretched(each, arguments.epochs or each.epochs) for each in row.candidates]
        changed = [dataclasses.replace(each, target_error=chosen.target) for each in candidates]
        rows.append((row.name, changed, min(chosen.trial_epochs, changed[0].epochs)))
    return rows


if __name__ == "__main__":
    main()
