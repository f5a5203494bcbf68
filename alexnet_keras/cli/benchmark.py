"""The commands `benchmark`."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_model
from alexnet_keras.cli.groups import Subcommands
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config.ranges import BatchSize, Count
from alexnet_keras.config.training import PCA_NOISES, PRECISIONS, SHAPES, DataSource
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.system.disk import size_of

batch_option = click.option(
    "--batch-size", type=Number(BatchSize), default=128, show_default=True, help="Images in a batch."
)
rounds_option = click.option(
    "--rounds",
    type=Number(Count),
    default=7,
    show_default=True,
    help="Measurements of each program that is compared.",
)


@click.group(cls=Subcommands, epilog=options.example("alexnet-keras benchmark train --json"))
def benchmark() -> None:
    """Measure the speed of training, of the input pipeline or of model files.

    Each command also measures a reference and alternates between the two, because the speed of a machine drifts. It
    prints the median of each and the range in parentheses.
    """


@benchmark.command(epilog=options.example("alexnet-keras benchmark train --variant paper --batch-size 128"))
@options.variant_option("The network.", default="paper", show_default=True)
@batch_option
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="Numeric precision of the training step.",
)
@rounds_option
@options.json_option
def train(variant: str, batch_size: int, precision: str, rounds: int, as_json: bool) -> None:
    """Measure the training step against a plain Keras baseline and the peak of the machine."""
    options.load_tensorflow()
    from alexnet_keras.benchmark.train import measure

    result = measure(variant, batch_size, precision, rounds=rounds)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    options.print_pairs(
        [
            ("variant", f"{result.variant}, batches of {result.batch_size} images"),
            ("hardware", result.hardware),
            ("training step", f"{result.images_per_second} images/s in {result.precision}"),
            ("baseline", f"{result.baseline_images_per_second} images/s in float32"),
            ("speed-up", f"{result.times_baseline:.1f} times the baseline"),
            ("peak", f"{result.matmul_gflops} GFLOP/s in a matrix multiplication of the same precision"),
            ("operations", f"{result.operations_per_image / 1e9:.2f} GFLOP per image"),
            ("fraction of the peak", f"{result.fraction_of_peak:.2f}"),
        ]
    )


@benchmark.command(
    "input", cls=options.GroupedCommand, epilog=options.example("alexnet-keras benchmark input --data shards --json")
)
@options.data_options("A data set, as for train.  [default: shapes]")
@batch_option
@click.option(
    "--pca-noise",
    type=click.Choice(["none", *PCA_NOISES]),
    default="original",
    show_default=True,
    help="PCA colour augmentation.",
)
@click.option(
    "--train",
    "variant",
    type=click.Choice(list(ARCHITECTURES)),
    help="Also train this variant, on the pipeline and on one constant batch.",
)
@options.min_crop_area_option
@click.option(
    "--images", type=Number(Count), help="Images in a measurement.  [default: as many as take 2 to 4 seconds]"
)
@rounds_option
@options.json_option
def input_(
    batch_size: int,
    pca_noise: str,
    variant: str | None,
    min_crop_area: float | None,
    images: int | None,
    rounds: int,
    as_json: bool,
    **where: Any,
) -> None:
    """Measure the training pipeline against the work that it cannot avoid, such as decoding.

    With --min-crop-area, the command also measures the pipeline with crops that are not resized.
    """
    source = options.data_source(lambda: DataSource(name=SHAPES), **where)
    options.load_tensorflow()
    from alexnet_keras.benchmark.input import measure

    noise = None if pca_noise == "none" else pca_noise
    result = measure(source, batch_size, noise, rounds, images, variant=variant, min_crop_area=min_crop_area)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    ratios = result.ratios
    crops = "crops" if min_crop_area is None else f"resized crops of at least {min_crop_area:.0%} of the area"
    rows = [
        ("data", f"{result.data}: {result.images:,} images, {result.kind}"),
        ("hardware", result.hardware),
        ("pipeline", f"{result.images_per_second} images/s with {crops}, flips and PCA noise {pca_noise}"),
        ("processor time", f"{result.processor_ms:.2f} ms for an image"),
        ("ceiling", f"{result.ceiling_images_per_second} images/s, {result.ceiling}"),
        ("fraction of ceiling", f"{ratios['fraction_of_ceiling']:.2f}"),
        ("first batch", f"after {result.first_batch_seconds:.2f} s"),
    ]
    if result.fixed_images_per_second:
        rows += [("other crops", f"{result.fixed_images_per_second} images/s if crops are not resized")]
        rows += [("processor time", f"{result.fixed_processor_ms:.2f} ms for an image if crops are not resized")]
    if result.pillow_images_per_second:
        rows += [("Pillow", f"{result.pillow_images_per_second} images/s in two processes")]
        rows += [("speed-up", f"{ratios['times_pillow']:.2f} times Pillow")]
    if result.training_images_per_second:
        rows += [("training", f"{result.training_images_per_second} images/s on the pipeline")]
        rows += [("constant batch", f"{result.constant_batch_images_per_second} images/s on one batch in memory")]
        rows += [("lost to input", f"{ratios['training_lost_to_input']:.1%}")]
    options.print_pairs(rows)


@benchmark.command(
    epilog=options.example("alexnet-keras benchmark inference saved_models/RUN saved_models/RUN/model.tflite")
)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=PathName(), shell_complete=complete_model)
@rounds_option
@options.operations_option
@options.json_option
@options.help_ends(options.ANY_MODEL)
def inference(models: tuple[Path, ...], rounds: int, allow_all_operations: bool, as_json: bool) -> None:
    """Measure the latency and throughput of model files against the memory bandwidth."""
    paths = [api.find_model(model) for model in models]
    options.load_tensorflow()
    from alexnet_keras.benchmark.inference import measure

    result = measure(paths, rounds, allow_all_operations)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    options.print_pairs([("hardware", result.hardware), ("memory", f"{result.read_bandwidth.scaled(1e-9)} GB/s read")])
    for speed in result.models:
        rows = [
            ("model", speed.model),
            ("size", size_of(speed.bytes, 1)),
            ("one image", f"{speed.milliseconds} ms"),
            ("32 images in a call", f"{speed.batched} images/s"),
        ]
        if speed.fraction_of_bandwidth is not None:
            rows.append(("fraction of bandwidth", f"{speed.fraction_of_bandwidth:.2f}"))
        click.echo()
        options.print_pairs(rows)
