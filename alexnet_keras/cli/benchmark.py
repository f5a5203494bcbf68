"""Benchmark: how fast the parts are on the machine at hand."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import data_options, data_source, example, json_option, load_tensorflow, print_pairs
from alexnet_keras.config.training import PCA_NOISES, PRECISIONS, DataSource
from alexnet_keras.config.variants import ARCHITECTURES


@click.group(epilog=example("alexnet-keras benchmark train --json"))
def benchmark() -> None:
    """Measure speed as ratios of things that alternate in one run; medians, with the spread."""


@benchmark.command(epilog=example("alexnet-keras benchmark train --variant paper --batch-size 128"))
@click.option("--variant", type=click.Choice(list(ARCHITECTURES)), default="paper", show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True, help="Images a step.")
@click.option("--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Measurements of each.")
@json_option
def train(variant: str, batch_size: int, precision: str, rounds: int, as_json: bool) -> None:
    """Images a second of the training step, beside the obvious Keras code and the machine's matrix product."""
    load_tensorflow()
    from alexnet_keras.benchmark.train import measure

    result = measure(variant, batch_size, precision, rounds=rounds)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    print_pairs(
        [
            ("variant", f"{result.variant}, batches of {result.batch_size}"),
            ("hardware", result.hardware),
            ("images a second", f"{result.images_per_second} in {result.precision}"),
            ("the obvious code", f"{result.naive_images_per_second} in float32"),
            ("times the obvious code", f"{result.times_naive:.1f}"),
            ("matrix product", f"{result.matmul_gflops} GFLOP/s in the type that the step multiplies in"),
            ("operations an image", f"{result.operations_per_image / 1e9:.2f} GFLOP"),
            ("fraction of the peak", f"{result.fraction_of_peak:.2f}"),
        ]
    )


@benchmark.command("input", epilog=example("alexnet-keras benchmark input --data shards --json"))
@data_options("A data set, as for train.  [default: shapes]")
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True, help="Images a batch.")
@click.option("--pca-noise", type=click.Choice(["none", *PCA_NOISES]), default="original", show_default=True)
@click.option("--train", "variant", type=click.Choice(list(ARCHITECTURES)), help="Train this variant beside it.")
@click.option("--images", type=click.IntRange(min=1), help="Images a measurement.  [default: 2 to 4 seconds' worth]")
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Measurements of each.")
@json_option
def input_(
    batch_size: int,
    pca_noise: str,
    variant: str | None,
    images: int | None,
    rounds: int,
    as_json: bool,
    **where: Any,
) -> None:
    """Images a second of the training pipeline, read from where the data lies, beside the least that must be done."""
    source = data_source(lambda: DataSource(name="shapes"), **where)
    load_tensorflow()
    from alexnet_keras.benchmark.input import measure

    noise = None if pca_noise == "none" else pca_noise
    result = measure(source, batch_size, noise, rounds, images, variant=variant)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    ratios = result.ratios
    rows = [
        ("data", f"{result.data}: {result.images:,} {result.pictures}"),
        ("hardware", result.hardware),
        ("images a second", f"{result.images_per_second} with crop, mirror and {pca_noise} colour noise"),
        (result.ceiling, str(result.ceiling_images_per_second)),
        ("fraction of that", f"{ratios['fraction_of_ceiling']:.2f}"),
        ("first batch", f"after {result.first_batch_seconds:.2f} s"),
    ]
    if result.pillow_images_per_second:
        rows += [("Pillow, two processes", str(result.pillow_images_per_second))]
        rows += [("times Pillow", f"{ratios['times_pillow']:.2f}")]
    if result.training_images_per_second:
        rows += [("training on it", str(result.training_images_per_second))]
        rows += [("on a constant batch", str(result.constant_batch_images_per_second))]
        rows += [("lost to input", f"{ratios['training_lost_to_input']:.1%}")]
    print_pairs(rows)


@benchmark.command(epilog=example("alexnet-keras benchmark inference saved_models/RUN saved_models/RUN/model.tflite"))
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Measurements of each.")
@json_option
def inference(models: tuple[Path, ...], rounds: int, as_json: bool) -> None:
    """Milliseconds an image and images a second in batches of 32, of each MODEL that predict takes, in turn."""
    from alexnet_keras.cli.find_model import find_model

    paths = [find_model(model) for model in models]
    load_tensorflow()
    from alexnet_keras.benchmark.inference import measure

    result = measure(paths, rounds)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    print_pairs([("hardware", result.hardware), ("memory", f"{result.read_bandwidth.scaled(1e-9)} GB/s read")])
    width = max(len(speed.model) for speed in result.models)
    click.echo(f"{'model':{width}}{'MB':>8}  {'ms, one image':26}{'images/s, 32 a call':32}of the bandwidth")
    for speed in result.models:
        fraction = "" if speed.fraction_of_bandwidth is None else f"{speed.fraction_of_bandwidth:.2f}"
        click.echo(
            f"{speed.model:{width}}{speed.bytes / 1e6:8.1f}  {speed.milliseconds!s:26}{speed.batched!s:32}{fraction}"
        )
