"""The command `predict`."""

import json
import sys
from pathlib import Path

import click

from alexnet_keras import api
from alexnet_keras.cli.completion import complete_model
from alexnet_keras.cli.options import example, json_option, load_tensorflow, operations_option
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Count
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.terminal_text import printable


@click.command(epilog=example("alexnet-keras predict saved_models/RUN photo.jpg"))
@click.argument(
    "arguments",
    metavar="[MODEL] IMAGE...",
    nargs=-1,
    required=True,
    type=PathName(),
    shell_complete=complete_model,
)
@click.option("--top", type=Number(Count), default=5, show_default=True, help="Classes for each image.")
@operations_option
@json_option
def predict(arguments: tuple[Path, ...], top: int, allow_all_operations: bool, as_json: bool) -> None:
    """Print the most probable classes of each IMAGE.

    MODEL is a run, .keras, SavedModel, .tflite, .onnx or .alexnet.
    Without MODEL, the command uses the newest run in saved_models/.
    """
    named = arguments[0].is_dir() or arguments[0].suffix in api.MODEL_SUFFIXES
    path = api.find_model(arguments[0] if named else None)
    images = arguments[1:] if named else arguments
    if not images:
        raise click.UsageError(f"The command line names the model {arguments[0]} but no image; name an image after it.")
    for image in images:
        if image.is_dir() or not image.exists():
            kind = "is a folder; name the images in it" if image.is_dir() else "does not exist"
            raise click.UsageError(f"The image {image} {kind}.")
    load_tensorflow()
    from alexnet_keras.inference.predictor import load_predictor

    predictor = load_predictor(path, allow_all_operations)
    results = []
    for image in images:
        try:
            results += api.predict(predictor, image, top)
        except InputError as error:  # the other images are classified all the same
            click.echo(f"Error: {printable(str(error))}", err=True)
            continue
        if as_json:
            continue
        if len(images) > 1:
            click.secho(printable(str(image)), bold=True)
        for prediction in results[-1]["predictions"]:
            bar = "█" * round(20 * prediction["probability"])
            click.echo(f"{prediction['probability']:7.2%}  {bar:20}  {printable(prediction['label'])}")
    if as_json:
        click.echo(json.dumps(results))
    sys.exit(0 if len(results) == len(images) else 1)
