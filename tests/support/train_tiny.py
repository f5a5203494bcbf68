"""Train a narrow network in its own process, because TensorFlow settles the devices once for a process.

    python tests/support/train_tiny.py FOLDER '{"epochs": 2, "keywords": {"devices": "cpu:2"}, "run": ...}'

It prints one line of JSON: the history of the epochs and the evaluation. With `stop_after`, the process
stops itself with SIGTERM after so many training steps, and ends with exit code 143.
"""

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).parents[2]))

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.config.recipes import recipe
from alexnet_keras.config.schedules import LayerRate
from alexnet_keras.config.variants import architecture

NETWORK = Architecture(name="tiny", towers=2, filters=(8,) * 5, hidden_units=(16, 16), initializer="he_normal")
SMALL = Architecture(  # has convolutions, normalization, pooling, dropout and a classifier, and is traced sooner
    name="tiny",
    towers=1,
    filters=(8, 8, 8),
    hidden_units=(),
    order="caffenet",
    lrn_layers=(1,),
    dropout_layers=("pool5",),
    initializer="he_normal",
)
DEFAULTS = {"input_size": 67, "batch_size": 4, "epochs": 2, "precision": "float32", "label_smoothing": 0.0}


def main(folder: str, options: str) -> None:
    from alexnet_keras.training import run_folder
    from alexnet_keras.training.train import train

    changes = {**DEFAULTS, "data": folder, **json.loads(options)}
    run, keywords = Path(changes.pop("run")), changes.pop("keywords", {})
    network = {"dropout": changes.pop("dropout", 0.0), **changes.pop("network", {})}
    changes["architecture"] = architecture(NETWORK, **network)
    changes["layer_rates"] = tuple(LayerRate(**rate) for rate in changes.get("layer_rates", ()))
    stop_after = changes.pop("stop_after", None)
    if stop_after is not None:
        stop_self_after(stop_after)
    evaluation = train(dataclasses.replace(recipe("quickstart"), **changes), run, **keywords)
    values = {"history": run_folder.read_history(run), "evaluation": evaluation.to_dict(), "run": str(run)}
    print(json.dumps(values))


def stop_self_after(steps: int) -> None:
    from alexnet_keras.training.callbacks.position import Position

    step = Position.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        step(self, batch, logs)
        if self.state.epoch * self.state.steps + self.state.step == steps:
            os.kill(os.getpid(), signal.SIGTERM)

    Position.on_train_batch_end = on_train_batch_end


if __name__ == "__main__":
    main(*sys.argv[1:])
