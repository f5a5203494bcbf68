"""The commands `figures`."""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras import figures as drawing
from alexnet_keras.cli import options
from alexnet_keras.cli.completion import complete_model, complete_run
from alexnet_keras.cli.groups import Subcommands
from alexnet_keras.cli.types import Number, PathName
from alexnet_keras.config import pretrained
from alexnet_keras.config.ranges import Count, FigureWidth, Index, MapSize
from alexnet_keras.config.training import SHAPES, SOURCE_FIELDS, DataSource
from alexnet_keras.config.variants import architecture as look_up
from alexnet_keras.inference.predictor import SUFFIXES
from alexnet_keras.system import atomic_files
from alexnet_keras.system.columns import print_message


@click.group(
    cls=Subcommands,
    epilog=options.example("alexnet-keras figures filters saved_models/RUN --output filters.svg"),
)
def figures() -> None:
    """Draw what a network learned, for slides (needs the extra 'figures').

    MODEL is a run, .keras, .alexnet, a file of trained weights, or imagenette. Without MODEL, a command uses the newest
    run in saved_models/. If there is no run, commands that need no data set use imagenette, the trained network in this
    package.
    """


def figure_command(*examples: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function that returns a figure: it gets `--output` and `--json`, and writes the figure.

    If the command has the options of a data set, the function gets the data set as `source`.
    """

    def decorate(draw: Callable[..., Any]) -> click.Command:
        name = draw.__name__

        @functools.wraps(draw)
        def command(output: Path, width: int, as_json: bool, **given: Any) -> None:
            save = drawing.save  # fails at once without matplotlib
            atomic_files.check_output(output, drawing.SUFFIXES)
            if "model" in given and not given.get("variant"):
                given["model"] = _model_path(given["model"], "data" in given)
            if "data" in given:
                where = {field: given.pop(field) for field in ("data", *SOURCE_FIELDS) if field in given}
                given["source"] = options.data_source(functools.partial(_recorded, given), **where)
            options.load_tensorflow()
            figure = draw(**given)
            save(figure, output, width)
            click.echo(json.dumps({"output": str(output)}) if as_json else f"Wrote {output}")

        option = click.option(
            "--output",
            type=PathName(),
            default=Path(f"{name}.png"),
            show_default=True,
            help="The .png or .svg file to write.",
        )
        width = click.option(
            "--width",
            type=Number(FigureWidth),
            default=drawing.PIXELS,
            show_default=True,
            help="Width of a .png file in pixels.",
        )
        make = figures.command(name, cls=options.GroupedCommand, epilog=options.example(*examples))
        return make(option(width(options.json_option(command))))

    return decorate


label_option = click.option("--label", help="Name of the class.  [default: the most probable class]")
data_of_run = options.data_options("The data set.  [default: the data set of the run]")


def layer_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--layer", help=f"A layer that 'info MODEL' lists; fc7 means fc7a and fc7b.  [default: {default}]"
    )


def limit_option(default: int, meaning: str, kind: Any = Count) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--limit", type=Number(kind), default=default, show_default=True, help=f"Number of {meaning}.")


def model_and_image(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the arguments `[MODEL] IMAGE` as `model` and `image`."""

    @functools.wraps(draw)
    def command(arguments: tuple[Path, ...], **given: Any) -> Any:
        if len(arguments) > 2:
            raise click.UsageError(f"The command takes a model and one image, got {len(arguments)} names; omit some.")
        model = _model_path(arguments[0] if len(arguments) == 2 else None)
        return draw(model=model, image=arguments[-1], **given)

    argument = click.argument(
        "arguments", metavar="[MODEL] IMAGE", nargs=-1, required=True, type=PathName(), shell_complete=complete_model
    )
    return argument(command)


def _model_path(model: Path | None, needs_data: bool = False) -> Path:
    """Find a run, a model file or a file of trained weights."""
    if model and model.is_file() and model.suffix not in SUFFIXES:
        return model
    path = api.find_model(model) if needs_data else options.model_or_pretrained(model)
    if model is None and path != pretrained.FILE:
        print_message(f"The model is that of the newest run, {path}.")
    return path


def _predictor(model: Path, allow_all_operations: bool) -> Any:
    """Load a classifier of any format."""
    from alexnet_keras.figures.networks import predictor_of

    return predictor_of(model, allow_all_operations)


def _network_and_pixels(model: Path, image: Path) -> tuple[Any, Any]:
    """Load a Keras model, and read an image as the model sees it."""
    from alexnet_keras.figures.networks import load_network
    from alexnet_keras.inference.classify import read_image
    from alexnet_keras.inference.keras_model import input_size
    from alexnet_keras.inference.predictor import preparation_of

    network = load_network(model)
    size = input_size(network)
    return network, read_image(image, size, preparation_of(model, size))


def _recorded(given: Mapping[str, Any]) -> DataSource:
    """Return the data set of a command's model, or the default one if the command takes no model."""
    return api.data_of(given["model"]) if "model" in given else DataSource(name=SHAPES)


@figure_command(
    "alexnet-keras figures architecture --variant original", "alexnet-keras figures architecture saved_models/RUN"
)
@options.model_argument
@options.variant_option("A named network instead of a model.")
def architecture(model: Path | None, variant: str | None) -> Any:
    """Draw the towers of MODEL or of a variant, as Figure 2 of the paper.

    The figure shows the shape of each layer's output, the kernels, and where the towers are connected.
    """
    if model and variant:
        raise click.UsageError("MODEL and --variant exclude each other; omit one of them.")
    if model:
        return drawing.architecture(model)
    from alexnet_keras.model.alexnet import AlexNet

    return drawing.architecture(AlexNet(look_up(str(variant))))


@figure_command("alexnet-keras figures filters bvlc_alexnet.caffemodel")
@options.model_argument
def filters(model: Path) -> Any:
    """Draw the kernels of conv1, as Figure 3 of the paper, one block for each tower."""
    return drawing.filters(model)


@figure_command("alexnet-keras figures activations caffe.keras photo.jpg")
@model_and_image
def activations(model: Path, image: Path) -> Any:
    """Draw the feature maps of each layer for IMAGE, before and after response normalization."""
    return drawing.activations(*_network_and_pixels(model, image))


@figure_command("alexnet-keras figures occlusion saved_models/RUN photo.jpg")
@model_and_image
@label_option
@options.operations_option
@click.option("--size", type=Number(Count), help="Side of the square in pixels.  [default: 40 of 227 pixels]")
@click.option(
    "--stride", type=Number(Count), help="Pixels between two places of the square.  [default: 12 of 227 pixels]"
)
def occlusion(
    model: Path, image: Path, label: str | None, allow_all_operations: bool, size: int | None, stride: int | None
) -> Any:
    """Draw how the probability of a class falls when a grey square covers a part of IMAGE."""
    from alexnet_keras.inference.classify import read_image

    predictor = _predictor(model, allow_all_operations)
    pixels = read_image(image, predictor.input_size, predictor.preparation)
    return drawing.occlusion(predictor, pixels, label, size, stride)


@figure_command("alexnet-keras figures gradcam saved_models/RUN photo.jpg --label tench")
@model_and_image
@label_option
def gradcam(model: Path, image: Path, label: str | None) -> Any:
    """Draw where the evidence for a class lies in IMAGE: feature maps weighted by their gradients (Grad-CAM)."""
    return drawing.gradcam(*_network_and_pixels(model, image), label)


@figure_command("alexnet-keras figures curves saved_models/RUN saved_models/OTHER")
@click.argument("runs", nargs=-1, type=PathName(), shell_complete=complete_run)
@click.option(
    "--by",
    type=click.Choice(drawing.CURVES_BY),
    default=drawing.CURVES_BY[0],
    show_default=True,
    help="The horizontal axis; minutes include validation.",
)
def curves(runs: tuple[Path, ...], by: str) -> Any:
    """Draw the training and validation error of one or several RUNS by epoch or by time.

    Each of RUNS is a run or a folder of runs. Without RUNS, the command uses the newest run in saved_models/.
    """
    from alexnet_keras.training.run_folder import HISTORY, read_history
    from alexnet_keras.training.run_table import find_runs

    found = find_runs(runs or (api.newest_run(),))
    begun = [run for run in found if (run / HISTORY).exists() and read_history(run)]
    for run in found if begun else ():
        if run not in begun:
            print_message(f"{run} has no finished epoch, so it is left out.")
    return drawing.curves(begun or found, by)


@figure_command("alexnet-keras figures predictions saved_models/RUN --wrong")
@options.model_argument
@data_of_run
@options.operations_option
@click.option("--wrong", is_flag=True, help="Show the worst mistakes.")
@click.option("--best", is_flag=True, help="Show the surest right answers.")
def predictions(model: Path, allow_all_operations: bool, wrong: bool, best: bool, source: DataSource) -> Any:
    """Draw validation images with their five most probable classes, as Figure 4 of the paper (left)."""
    return drawing.predictions(_predictor(model, allow_all_operations), source, wrong, best)


@figure_command("alexnet-keras figures confusion saved_models/RUN")
@options.model_argument
@data_of_run
@options.operations_option
def confusion(model: Path, allow_all_operations: bool, source: DataSource) -> Any:
    """Draw which classes of the validation images are taken for which."""
    return drawing.confusion(_predictor(model, allow_all_operations), source)


@figure_command("alexnet-keras figures retrieval saved_models/RUN")
@options.model_argument
@data_of_run
@layer_option("the last one before the classifier")
@limit_option(drawing.SEARCHED, "training images that are searched")
def retrieval(model: Path, layer: str | None, limit: int, source: DataSource) -> Any:
    """Draw validation images and their nearest training images, as Figure 4 of the paper (right)."""
    return drawing.retrieval(model, source, layer, limit)


@figure_command("alexnet-keras figures patches saved_models/RUN --layer conv5 --unit 17")
@options.model_argument
@data_of_run
@layer_option("the last convolution")
@click.option(
    "--unit",
    type=Number(Index),
    default=0,
    show_default=True,
    help="Index of the channel. The channels of tower b come after those of tower a.",
)
@limit_option(drawing.SEARCHED, "images that are searched")
def patches(model: Path, layer: str | None, unit: int, limit: int, source: DataSource) -> Any:
    """Draw the patches of validation images that excite a unit most, cut at its receptive field."""
    return drawing.patches(model, source, layer, unit, limit)


@figure_command("alexnet-keras figures embedding saved_models/RUN")
@options.model_argument
@data_of_run
@layer_option("the last one before the classifier")
@limit_option(drawing.MAPPED, "images on the map", MapSize)
def embedding(model: Path, layer: str | None, limit: int, source: DataSource) -> Any:
    """Draw a map of validation images on which images with similar features lie together.

    The map is computed by t-SNE (needs the extra 'embedding').
    """
    return drawing.embedding(model, source, layer, limit)


@figure_command("alexnet-keras figures augmentation --data imagenette --image 7")
@options.data_options("A data set, as for train.  [default: shapes]")
@click.option("--image", "index", type=Number(Index), default=0, show_default=True, help="Index of the training image.")
@click.option("--seed", type=Number(Index), default=0, show_default=True, help="Random seed of the augmentation.")
@options.min_crop_area_option
def augmentation(index: int, seed: int, min_crop_area: float | None, source: DataSource) -> Any:
    """Draw random crops, flips and PCA colour augmentations of one training image."""
    return drawing.augmentation(source, index, seed, min_crop_area=min_crop_area)
