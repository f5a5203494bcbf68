"""Train a network of a few maps in a process of its own, since devices are settled once a process.

    python tests/support/train_tiny.py FOLDER '{"epochs": 2, "keywords": {"devices": "cpu:2"}, "run": ...}'

Prints one line of JSON: losses and errors of the epochs, the evaluation, and the run.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).parents[2]))

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.schedules import LayerRate
from alexnet_keras.config.variants import architecture

NETWORK = Architecture(name="tiny", towers=2, filters=(8,) * 5, hidden_units=(16, 16), initializer="he_normal")
DEFAULTS = {"input_size": 67, "batch_size": 4, "epochs": 2, "precision": "float32", "label_smoothing": 0.0}


def main(folder: str, options: str) -> None:
    from alexnet_keras.training import run_folder
    from alexnet_keras.training.train import train

    changes = {**DEFAULTS, "data": folder, **json.loads(options)}
    run, keywords = Path(changes.pop("run")), changes.pop("keywords", {})
    network = {"dropout": changes.pop("dropout", 0.0), **changes.pop("network", {})}
    changes["architecture"] = architecture(NETWORK, **network)
    changes["layer_rates"] = tuple(LayerRate(**rate) for rate in changes.get("layer_rates", ()))
    evaluation = train(dataclasses.replace(recipe("quickstart"), **changes), run, **keywords)
    print(json.dumps({"history": run_folder.read_history(run), "evaluation": evaluation.to_dict()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
