"""The command `predict`."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_model
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import Count
from alexnet_keras.inference.image_arguments import LIST, STANDARD_INPUT, images_of_word
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.tables import check_table
from alexnet_keras.system.terminal_text import counted, printable


@click.command(
    epilog=options.example(
        "alexnet-keras predict saved_models/RUN photo.jpg",
        "alexnet-keras predict saved_models/RUN photos --output predictions.csv",
        "find . -name 'photo*.jpg' | alexnet-keras predict saved_models/RUN @- --json",
    )
)
@click.argument(
    "words", metavar="[MODEL] IMAGE...", nargs=-1, required=True, type=PathName(str), shell_complete=complete_model
)
@click.option("--top", type=Number(Count), default=5, show_default=True, help="Classes for each image.")
@options.output_file_option("File to write instead of printing, with a row for each image: .csv, .json or .parquet.")
@options.operations_option
@options.json_option
@options.help_ends(options.ANY_MODEL, options.NEWEST_RUN, options.OR_IMAGENETTE)
def predict(words: tuple[str, ...], top: int, output: Path | None, allow_all_operations: bool, as_json: bool) -> None:
    """Print or write the most probable classes of each IMAGE.

    \b
    IMAGE is one of these:
      photo.jpg    an image file
      photos       a folder, for all images in it and in its subfolders
      'img*.jpg'   a pattern; the quotes keep the shell from replacing it
      @list.txt    a file with one path on each line; @- reads such a list from standard input
      -            the bytes of one image from standard input

    An image that cannot be used gets a row with the error. The others are answered, and the exit code is 1.
    """
    named = api.is_model(Path(words[0]))
    path = api.find_model(Path(words[0])) if named else None
    words = words[1:] if named else words
    if not words:
        raise click.UsageError(f"The command line names the model {path} but no image; name an image after it.")
    for word in words:
        if not (word.startswith((LIST, STANDARD_INPUT)) or os.path.exists(word) or any(sign in word for sign in "*?[")):
            kind = "model or image" if word == words[0] and len(words) > 1 and not named else "image"
            raise click.UsageError(f"The {kind} {word} does not exist; check its name.")
    if output is not None:
        check_table(output)
    path = path or options.model_or_pretrained(None)
    ignored: Counter[str] = Counter()
    images = [image for word in words for image in images_of_word(word, ignored)]
    if ignored:
        print_message(f"Ignored {ignored.total():,} files that are no images: {counted(ignored)}.")
    from alexnet_keras.inference.predictor import LIGHT_SUFFIXES, load_for_few_images, load_predictor

    predictor = load_for_few_images(path, len(images))
    if predictor is None:
        if path.suffix not in LIGHT_SUFFIXES:
            options.load_tensorflow()
        predictor = load_predictor(path, allow_all_operations)
    from alexnet_keras.inference.classify import classify  # imports Pillow, while another process prepares the model
    from alexnet_keras.inference.report import write_predictions

    model = api.model_facts(path, predictor)
    errors: list[str] = []
    rows = _noting(classify(predictor, images, top, "Classifying" if output or as_json else None), errors)
    if output is not None:
        write_predictions(output, rows, min(top, len(predictor.class_names)))
        if as_json:
            values = {"output": str(output), "images": len(images), "errors": len(errors), "model": model}
            click.echo(json.dumps(values))
        else:
            pairs = [("model", options.model_line(model)), ("images", f"{len(images):,}"), ("wrote", str(output))]
            if errors:
                pairs.append(("errors", f"{len(errors):,}, in the column `error`; the first is: {errors[0]}"))
            options.print_pairs(pairs)
    elif as_json:
        click.echo(json.dumps(list(rows)))
        for error in errors:
            print_message(f"Error: {printable(error)}")
    else:
        _print(rows, options.model_line(model), len(images))
    sys.exit(1 if errors else 0)


def _noting(rows: Iterable[dict[str, Any]], errors: list[str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if "error" in row:
            errors.append(row["error"])
        yield row


def _print(rows: Iterable[dict[str, Any]], model: str, count: int) -> None:
    """Print the classes of each image with bars, or its error on standard error."""
    for row in rows:
        if "error" in row:
            print_message(f"Error: {printable(row['error'])}")
            continue
        if model:
            click.echo(f"Model {printable(model)}")
            model = ""
        if count > 1:
            click.secho(printable(row["file"]), bold=True)
        for prediction in row["predictions"]:
            bar = "█" * round(20 * prediction["probability"])
            click.echo(f"{prediction['probability']:7.2%}  {bar:20}  {printable(prediction['label'])}")
