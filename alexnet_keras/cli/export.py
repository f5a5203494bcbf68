"""Export: another format, proved as good as the model."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import (
    data_options,
    data_source,
    example,
    json_option,
    load_tensorflow,
    percent,
    print_pairs,
)
from alexnet_keras.system.errors import OptionError


@click.command(epilog=example("alexnet-keras export saved_models/RUN --format tflite --quantize int8"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(["saved_model", "tflite", "onnx", "keras"]), required=True)
@click.option(
    "--quantize",
    type=click.Choice(["none", "float16", "dynamic", "int8", "int8-only"]),
    default="none",
    show_default=True,
    help="Smaller numbers: int8 has float32 in and out, int8-only uint8 and no float operator.",
)
@click.option(
    "--calibration", help="The data set whose training pictures calibrate int8.  [default: the run's, or --data]"
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a call of a TFLite file.  [default: 1]")
@click.option("--output", type=click.Path(path_type=Path), help="What to write.  [default: beside the model]")
@click.option("--force", is_flag=True, help="Keep an export that is not as good as the model.")
@data_options("The data set on whose validation pictures both are compared.  [default: the run's]")
@json_option
def export(
    model: Path | None,
    calibration: str | None,
    output: Path | None,
    force: bool,
    as_json: bool,
    data: str | None,
    data_dir: str | None,
    manual_dir: str | None,
    split: str | None,
    **options: Any,
) -> None:
    """Write MODEL, a run or a .keras, in another format, and prove on real pictures that it is as good."""
    from alexnet_keras.cli.find_model import data_of, find_model
    from alexnet_keras.training import run_folder

    path = find_model(model)
    folders = {"data_dir": data_dir, "manual_dir": manual_dir}
    source = data_source(lambda: data_of(path), data, split=split, **folders)
    load_tensorflow()
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.export.compare import NUM_IMAGES
    from alexnet_keras.export.export import Target, check_calibration, check_paths, export

    target = Target(**options)
    output = output or target.default_path(path)
    check_calibration(target, calibration)
    check_paths(path, target, output)
    dataset = open_dataset(source)
    calibrating = None
    if calibration is not None:
        try:
            calibrating = open_dataset(data_source(lambda: source, calibration, **folders))
        except OptionError as error:
            raise OptionError(str(error).replace("--data", "--calibration", 1)) from error
    elif data is not None and target.calibrated and (path.parent / run_folder.CONFIG).is_file():
        calibrating = open_dataset(data_of(path))
    result = export(path, target, output, dataset, calibrating, force)
    if as_json:
        click.echo(json.dumps(result))
        return
    rows = [
        ("wrote", result["path"]),
        ("size", f"{result['bytes'] / 1e6:,.1f} MB"),
        ("largest difference", f"{result['max_abs_difference']:.2g} in probability, from the Keras model"),
        ("equal top-1", f"{percent(result['top1_agreement'])} of {result['num_images']} validation images"),
    ]
    if result["num_images"] < NUM_IMAGES:
        rows.append(("", f"all there are; {NUM_IMAGES} would say more"))
    print_pairs([*rows, *(("out of bounds", words) for words in result["shortcomings"])])
    click.echo()
    click.echo(f"{'':26}{'Keras model':>12}{'export':>12}")
    for name, label, form in (
        ("top1_error", "top-1 error", "{:.2%}"),
        ("top5_error", "top-5 error", "{:.2%}"),
        ("milliseconds", "ms an image", "{:,.1f}"),
        ("images_per_second", "images a second, by 32", "{:,.0f}"),
    ):
        values = [form.format(result[side][name]) for side in ("keras", "exported")]
        click.echo(f"{label:26}{values[0]:>12}{values[1]:>12}")
    click.echo(f"Next:  alexnet-keras evaluate {shlex.quote(result['path'])} --data {shlex.quote(str(source))}")
