"""The command line: parse, call one function, print. Only commands import TensorFlow, so that `--help` is quick."""

import dataclasses
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from alexnet_keras.config import ARCHITECTURES, InputError, OptionError
from alexnet_keras.recipes import RECIPES, recipe

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Commands(click.Group):
    """Turns every mistake of a user into one line on standard error: exit code 2 for usage, 1 for the rest."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = super().main(*args, **{**kwargs, "standalone_mode": False})
        except (click.UsageError, OptionError) as error:
            _fail(error.format_message() if isinstance(error, click.UsageError) else str(error), code=2)
        except click.Abort:
            _fail("Interrupted.", code=INTERRUPTED)
        except (click.ClickException, InputError, OSError) as error:
            _fail(error.format_message() if isinstance(error, click.ClickException) else str(error), code=1)
        sys.exit(result if isinstance(result, int) else 0)


def _fail(message: str, code: int) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _load_tensorflow() -> None:
    """Import TensorFlow without the lines that its C++ side writes to standard error before it can be told not to."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors come as exceptions too
    os.environ["KERAS_BACKEND"] = "tensorflow"  # data, training and exports are TensorFlow's
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for GPUs, and complains where there is no driver
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _example(text: str) -> str:
    return f"\b\nExample:\n  {text}"


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="alexnet-keras")
@click.pass_context
def main(context: click.Context) -> None:
    """AlexNet for Keras: train it, measure it, use it, export it.

    \b
    Example:
      alexnet-keras train
      alexnet-keras export --format tflite
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command(epilog=_example("alexnet-keras train --data imagenette --epochs 14"))
@click.option(
    "--data", help="'shapes', a folder with train/ and val/, or the name of a TFDS data set.  [default: shapes]"
)
@click.option("--recipe", "recipe_name", type=click.Choice(list(RECIPES)), default="quickstart", show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training images.  [default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a step.  [default: the recipe's]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of weights, order and augmentation.  [default: 0]")
@click.option("--run", type=click.Path(path_type=Path), help="The run's folder.  [default: a new one in saved_models/]")
@click.option("--steps-per-epoch", type=click.IntRange(min=1), help="Use only so many batches of each epoch.")
@json_option
def train(
    data: str | None,
    recipe_name: str,
    epochs: int | None,
    batch_size: int | None,
    seed: int | None,
    run: Path | None,
    steps_per_epoch: int | None,
    as_json: bool,
) -> None:
    """Train a network; without options the quickstart recipe on the embedded shapes."""
    changes: dict[str, Any] = {
        "data": data,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "steps_per_epoch": steps_per_epoch,
    }
    config = dataclasses.replace(
        recipe(recipe_name), **{key: value for key, value in changes.items() if value is not None}
    )
    from alexnet_keras import runs

    folder = run or runs.default_path(config)
    _load_tensorflow()
    from alexnet_keras.train import train as train_network

    evaluation = train_network(config, folder)
    if as_json:
        click.echo(json.dumps({"run": str(folder), **evaluation.to_dict()}))
        return
    click.echo(
        f"Top-1 error {_percent(evaluation.top1_error)}, top-5 error {_percent(evaluation.top5_error)}", nl=False
    )
    click.echo(f" on {evaluation.num_images:,} validation images.")
    click.echo(f"Wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    named, example = shlex.quote(str(folder)), shlex.quote(str(folder / runs.EXAMPLE))
    click.echo(f"Next:  alexnet-keras predict {named} {example}")
    click.echo(f"       alexnet-keras export {named} --format tflite")


@main.command(epilog=_example("alexnet-keras evaluate saved_models/RUN/model.tflite --data imagenette"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--data", help="The data set whose validation pictures count.  [default: the run's]")
@click.option(
    "--views",
    type=click.Choice(["1", "10"]),
    default="1",
    show_default=True,
    help="The central crop, or the paper's average over corners, centre and their mirror images.",
)
@json_option
def evaluate(model: Path | None, data: str | None, views: str, as_json: bool) -> None:
    """Top-1 and top-5 error of MODEL: a run, a .keras, a SavedModel or a .tflite; the newest run if left out."""
    from alexnet_keras import runs

    path = runs.find_model(model)
    source = data or runs.data_of(path)
    _load_tensorflow()
    from alexnet_keras import predict as predictors
    from alexnet_keras.evaluate import evaluate_on

    result = evaluate_on(predictors.load(path), source, int(views))
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    rows = [("model", str(path)), ("data", source), ("images", f"{result.num_images:,}"), ("views", str(result.views))]
    rows += [("top-1 error", _percent(result.top1_error)), ("top-5 error", _percent(result.top5_error))]
    _print_pairs(rows)


@main.command(epilog=_example("alexnet-keras predict saved_models/RUN photo.jpg"))
@click.argument("arguments", metavar="[MODEL] IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Classes a picture.")
@json_option
def predict(arguments: tuple[Path, ...], top: int, as_json: bool) -> None:
    """Class names and probabilities of each IMAGE.

    MODEL is a run, a .keras, a SavedModel or a .tflite; the newest run if the first argument is a picture.
    """
    from alexnet_keras import runs

    named = runs.looks_like_model(arguments[0])
    path = runs.find_model(arguments[0] if named else None)
    pictures = arguments[1:] if named else arguments
    if not pictures:
        raise click.UsageError(f"Name a picture after the model {arguments[0]}.")
    missing = [picture for picture in pictures if not picture.is_file()]
    if missing:
        raise click.UsageError(f"There is no picture {missing[0]}.")
    _load_tensorflow()
    from alexnet_keras import predict as predictors

    predictor = predictors.load(path)
    results, failed = [], False
    for picture in pictures:
        try:
            result = predictors.classify(predictor, picture, top)
        except InputError as error:  # the others shall not suffer from it
            click.echo(f"Error: {error}", err=True)
            failed = True
            continue
        results.append(result)
        if as_json:
            continue
        if len(pictures) > 1:
            click.secho(result["file"], bold=True)
        for prediction in result["predictions"]:
            bar = "█" * round(20 * prediction["probability"])
            click.echo(f"{prediction['probability']:7.2%}  {bar:20}  {prediction['label']}")
    if as_json:
        click.echo(json.dumps(results))
    sys.exit(1 if failed else 0)


@main.command(epilog=_example("alexnet-keras export saved_models/RUN --format tflite"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(["saved_model", "tflite"]), required=True)
@click.option("--output", type=click.Path(path_type=Path), help="What to write.  [default: beside the model]")
@click.option("--data", help="The data set on whose pictures both are compared.  [default: the run's]")
@json_option
def export(model: Path | None, kind: str, output: Path | None, data: str | None, as_json: bool) -> None:
    """Write MODEL, a run or a .keras, in another format, and compare both on real pictures."""
    from alexnet_keras import runs

    path = runs.find_model(model)
    source = data or runs.data_of(path)
    _load_tensorflow()
    from alexnet_keras import datasets
    from alexnet_keras import export as exports

    output = output or exports.default_path(path, kind)
    exports.check_paths(path, kind, output)
    result = exports.export(path, kind, output, datasets.load(source).validation)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    _print_pairs(
        [
            ("wrote", result.path),
            ("size", f"{result.bytes / 1e6:,.1f} MB"),
            ("largest difference", f"{result.max_abs_difference:.2g} in probability, from the Keras model"),
            ("equal top-1", f"{_percent(result.top1_agreement)} of {result.num_images} validation images"),
        ]
    )
    click.echo(f"Next:  alexnet-keras evaluate {shlex.quote(result.path)} --data {shlex.quote(source)}")


@main.command(epilog=_example("alexnet-keras info --variant paper"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--variant", type=click.Choice(list(ARCHITECTURES)), help="A named network instead of a model.")
@json_option
def info(model: Path | None, variant: str | None, as_json: bool) -> None:
    """Layers of MODEL, a run or a .keras, or of a variant: output shapes, parameters and multiply-adds."""
    from alexnet_keras import runs

    if model is not None and variant is not None:
        raise click.UsageError(f"Give MODEL or --variant, not both: got {model} and {variant!r}.")
    _load_tensorflow()
    from alexnet_keras.model import AlexNet, load_model
    from alexnet_keras.summary import summarize

    layers = summarize(AlexNet(variant) if variant else load_model(runs.find_model(model)))
    parameters, operations = (sum(getattr(row, key) for row in layers) for key in ("parameters", "multiply_adds"))
    if as_json:
        rows = [dataclasses.asdict(row) for row in layers]
        click.echo(json.dumps({"parameters": parameters, "multiply_adds": operations, "layers": rows}))
        return
    table = [("layer", "output shape", "parameters", "multiply-adds")]
    for row in layers:
        table.append((row.name, " x ".join(map(str, row.shape)), _count(row.parameters), _count(row.multiply_adds)))
    table.append(("total", "", _count(parameters), _count(operations)))
    for name, shape, *counts in table:
        click.echo(f"{name:12}{shape:>16}" + "".join(f"{count:>16}" for count in counts))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _percent(fraction: float) -> str:
    return f"{fraction:.2%}"


def _print_pairs(pairs: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name:{width}}  {value}")
