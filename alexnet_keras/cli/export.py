"""The command `export`."""

import itertools
import json
import shlex
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_data
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.command_line import data_words
from alexnet_keras.config.formats import QUANTIZATIONS
from alexnet_keras.config.ranges import CallSize
from alexnet_keras.config.training import SOURCE_FIELDS
from alexnet_keras.inference.versions import is_version
from alexnet_keras.system.columns import TOP5_VAL_ERROR, VAL_ERROR
from alexnet_keras.system.disk import size_of
from alexnet_keras.system.errors import OptionError, RunError


@click.command(
    cls=options.GroupedCommand,
    epilog=options.example(
        "alexnet-keras export --format saved_model",
        "alexnet-keras export saved_models/RUN --format tflite --quantize int8",
        "alexnet-keras export saved_models/RUN --format web --output page",
        "alexnet-keras export saved_models/RUN --format all --output exports",
    ),
)
@options.model_argument
@click.option(
    "--format",
    type=click.Choice([*QUANTIZATIONS, "all"]),
    required=True,
    help="The format to write; web is a web page, and all means every other format.",
)
@click.option(
    "--quantize",
    type=click.Choice(list(dict.fromkeys(itertools.chain(*QUANTIZATIONS.values())))),
    help="Number format of the weights and activations. int8 takes and returns float32; int8-only takes and returns "
    "uint8 and has no float operator.  [default: none; for the format web: int8, or dynamic if there are no "
    "calibration images]",
)
@click.option(
    "--calibration",
    type=PathName(str),
    metavar="DATA",
    shell_complete=complete_data,
    help="The data set whose training images calibrate int8.  [default: the data set of the run, or --data]",
)
@click.option("--batch-size", type=Number(CallSize), help="Images in one call of a TFLite file.  [default: 1]")
@click.option("--output", type=PathName(), help="The file or folder to write.  [default: a name beside the model]")
@click.option("--force", is_flag=True, help="Keep an export that fails the parity check.")
@options.data_options(
    "The data set on whose validation images the export and the Keras model are compared.  "
    "[default: the data set of the run; for a model in no run that of --calibration, or shapes]"
)
@options.json_option
@options.help_ends(options.KERAS_MODEL, options.NEWEST_RUN, options.OR_IMAGENETTE)
def export(model: Path | None, calibration: str | None, as_json: bool, data: str | None, **given: Any) -> None:
    """Write MODEL in another format and compare the export with it on validation images.

    The format web is a folder with a web page that classifies images in the browser.
    The format all writes every format except web, in every number format, and prints one table.
    """
    path = options.model_or_pretrained(model)
    where = {name: given.pop(name) for name in SOURCE_FIELDS}
    folders = {name: where[name] for name in ("data_dir", "manual_dir")}
    described = any(value is not None for name, value in where.items() if not (calibration and name in folders))
    has_data = data or described or api.in_run(path)
    source = options.data_source(lambda: api.data_of(path), data, **where) if has_data else None
    calibrating = options.data_source(lambda: api.data_of(path), calibration, **folders) if calibration else None
    if given["format"] == "all":
        for name in ("quantize", "batch_size"):
            if given[name] is not None:
                raise OptionError(f"`{name}` {given[name]} has no effect on the format all; leave it out.")
    options.load_tensorflow()
    from alexnet_keras.export.parity import NUM_IMAGES

    if given["format"] == "all":
        everything = api.export_all(path, given["output"], data=source, calibration=calibrating, force=given["force"])
        _print_all(list(everything), as_json)
        return
    result = api.export(path, data=source, calibration=calibrating, **given)
    if as_json:
        click.echo(json.dumps(result))
        return
    few = result["num_images"] < NUM_IMAGES
    rows = [
        ("wrote", result["path"]),
        ("size", size_of(result["bytes"], 1)),
        ("largest difference", f"{result['max_abs_difference']:.2g} in probability, from the Keras model"),
        ("equal top-1", f"{options.percent(result['top1_agreement'])} of {result['num_images']} validation images"),
    ]
    rows += [("", f"These are all images; {NUM_IMAGES} would give a more reliable comparison.")] if few else []
    measured = result["keras"]["top1_error"] is not None
    unmeasured = f"not measured, because the images of {calibrating or 'shapes'} have other classes"
    rows += [] if measured else [("errors", unmeasured)]
    options.print_pairs([*rows, *(("out of bounds", words) for words in result["shortcomings"])])
    click.echo()
    table: list[tuple[str, ...]] = [("", "Keras model", "export")]
    for name, label, form in (
        ("top1_error", VAL_ERROR, "{:.2%}"),
        ("top5_error", TOP5_VAL_ERROR, "{:.2%}"),
        ("milliseconds", "ms/image, one image in a call", "{:,.1f}"),
        ("images_per_second", "images/s, 32 images in a call", "{:,.0f}"),
    ):
        if result["keras"][name] is not None:
            table.append((label, *(form.format(result[side][name]) for side in ("keras", "exported"))))
    options.print_table(table)
    click.echo("Next:")
    written = shlex.quote(result["path"])
    if result["format"] == "web":
        click.echo(f"  alexnet-keras web {written}")
    elif source is None:
        click.echo(f"  alexnet-keras predict {written} photo.jpg")
    else:
        click.echo(f"  alexnet-keras evaluate {written} {data_words(source)}")
    if result["format"] == "saved_model":
        folder = Path(result["path"]).resolve()
        volume = shlex.quote(f"{folder.parent if is_version(folder) else folder}:/models/alexnet")
        click.echo(f"  docker run -p 8501:8501 -v {volume} -e MODEL_NAME=alexnet tensorflow/serving")


def _print_all(results: list[dict[str, Any]], as_json: bool) -> None:
    """Print a row for each format."""
    errors = [result["error"] for result in results if "error" in result]
    kept = [result for result in results if "error" not in result]
    if as_json:
        click.echo(json.dumps(results))
    elif kept:
        original = kept[0]["keras"]
        names = ("", "MB", "difference", "equal top-1", "top-1, top-5 val error", "ms/image", "images/s")
        rows = [names, ("Keras model", "", "", "", *_measured(original))]
        for result in kept:
            differences = (f"{result['max_abs_difference']:.2g}", options.percent(result["top1_agreement"]))
            size = f"{result['bytes'] / 1e6:,.1f}"
            rows.append((Path(result["path"]).name, size, *differences, *_measured(result["exported"])))
        options.print_table(rows)
        click.echo(f"These are measured on {kept[0]['num_images']} validation images.")
    if errors:
        raise RunError(*errors)


def _measured(values: dict[str, Any]) -> tuple[str, str, str]:
    """The errors and speeds of a model, as cells of a table."""
    errors = [values["top1_error"], values["top5_error"]]
    words = ", ".join("-" if error is None else options.percent(error) for error in errors)
    return words, f"{values['milliseconds']:,.1f}", f"{values['images_per_second']:,.0f}"
