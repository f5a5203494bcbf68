"""Train a network, and log settings, errors and files of the run to MLflow.

    python3 -m pip install mlflow
    python3 examples/mlflow/train.py --data shapes --epochs 6
    mlflow ui

`--set steps_per_epoch=2` and the like change fields of the configuration, as in `alexnet-keras train`.
"""

import argparse

import mlflow
import mlflow.keras

import alexnet_keras
from alexnet_keras.config.assignments import parse_settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="shapes")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    settings = parse_settings(options.set)

    mlflow.set_experiment("alexnet-keras")
    with mlflow.start_run():
        mlflow.log_params({"data": options.data, "epochs": options.epochs, "width": options.width, **settings})
        result = alexnet_keras.train(
            options.data,
            epochs=options.epochs,
            network={"width": options.width},
            callbacks=[mlflow.keras.MlflowCallback()],
            **settings,
        )
        errors = {"top1_error": result.evaluation.top1_error, "top5_error": result.evaluation.top5_error}
        mlflow.log_metrics(errors)
        for name in ("README.md", "config.json", "history.csv"):
            mlflow.log_artifact(str(result.run / name))
    print(result.run, errors)


if __name__ == "__main__":
    main()
