"""Predict: what is on a picture."""

import json
import sys
from pathlib import Path

import click

from alexnet_keras.cli.options import example, json_option, load_tensorflow
from alexnet_keras.system.errors import InputError


@click.command(epilog=example("alexnet-keras predict saved_models/RUN photo.jpg"))
@click.argument("arguments", metavar="[MODEL] IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Classes a picture.")
@json_option
def predict(arguments: tuple[Path, ...], top: int, as_json: bool) -> None:
    """Class names and probabilities of each IMAGE.

    MODEL is a run, .keras, SavedModel, .tflite, .onnx or .alexnet; the newest run if the first argument is a picture.
    """
    from alexnet_keras.cli.find_model import find_model, looks_like_model

    named = looks_like_model(arguments[0])
    path = find_model(arguments[0] if named else None)
    images = arguments[1:] if named else arguments
    if not images:
        raise click.UsageError(f"Name a picture after the model {arguments[0]}.")
    missing = [image for image in images if not image.is_file()]
    if missing:
        kind = "is a folder; name the pictures in it" if missing[0].is_dir() else "is no file"
        raise click.UsageError(f"There is no picture {missing[0]}: it {kind}.")
    load_tensorflow()
    from alexnet_keras.inference.classify import classify
    from alexnet_keras.inference.predictor import load_predictor

    predictor = load_predictor(path)
    results, failed = [], False
    for image in images:
        try:
            result = classify(predictor, image, top)
        except InputError as error:  # the others shall not suffer from it
            click.echo(f"Error: {error}", err=True)
            failed = True
            continue
        results.append(result)
        if as_json:
            continue
        if len(images) > 1:
            click.secho(result["file"], bold=True)
        for prediction in result["predictions"]:
            bar = "█" * round(20 * prediction["probability"])
            click.echo(f"{prediction['probability']:7.2%}  {bar:20}  {prediction['label']}")
    if as_json:
        click.echo(json.dumps(results))
    sys.exit(1 if failed else 0)
