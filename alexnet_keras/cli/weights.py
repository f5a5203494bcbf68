"""The commands `weights`."""

import json
import shlex
from pathlib import Path

import click

from alexnet_keras.cli import options
from alexnet_keras.cli.groups import Subcommands
from alexnet_keras.cli.types import PathName
from alexnet_keras.system import atomic_files
from alexnet_keras.system.disk import size_of


@click.group(
    cls=Subcommands,
    epilog=options.example("alexnet-keras weights import bvlc_alexnet.caffemodel --variant caffe --output caffe.keras"),
)
def weights() -> None:
    """Read trained weights of Caffe, PyTorch, NumPy and Keras, or write the weights of a model."""


@weights.command(
    "import",
    epilog=options.example("alexnet-keras weights import alexnet-owt-7be5be79.pth --variant owt --output owt.keras"),
)
@click.argument("path", type=PathName())
@options.variant_option("The network that the weights belong to.", required=True)
@click.option("--output", type=PathName(), required=True, help="The .keras file to write.")
@click.option(
    "--allow-missing", is_flag=True, help="Initialize the layers that PATH does not hold, and print their names."
)
@options.json_option
def import_(path: Path, variant: str, output: Path, allow_missing: bool, as_json: bool) -> None:
    """Convert a file of trained weights to a .keras file.

    PATH is a file of Caffe, PyTorch, NumPy, safetensors, Keras or an .alexnet, with any suffix. The new model gets the
    number of classes, the class names and the width of its network.
    """
    from alexnet_keras.weights.trained_weights import check_exists, missing_layers

    atomic_files.check_output(output, (".keras",))
    check_exists(path)
    options.load_tensorflow()
    from alexnet_keras.data.class_labels import synsets
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.loading import read_weights

    trained = read_weights(path)
    classes = synsets()  # weights for as many classes have the order of ILSVRC2012
    nameless = trained.classes is None or trained.class_names is None
    names = classes if nameless and trained.classes in (None, len(classes)) else None  # `None`: those of the weights
    model = AlexNet(variant, class_names=names, weights=trained, allow_missing=allow_missing)
    missing = missing_layers(trained, model.layers)
    with atomic_files.appear_whole(output) as partial:
        model.save(partial)
    if as_json:
        click.echo(json.dumps({"output": str(output), "parameters": model.count_params(), "missing": missing}))
        return
    rows = [("wrote", str(output)), ("variant", variant), ("parameters", f"{model.count_params():,}")]
    options.print_pairs([*rows, *([("initialized", f"{', '.join(missing)}, missing in {path}")] if missing else [])])
    click.echo("Next:")
    click.echo(f"  alexnet-keras info {shlex.quote(str(output))}")


@weights.command(epilog=options.example("alexnet-keras weights export saved_models/RUN --output weights.safetensors"))
@options.model_argument
@click.option("--output", type=PathName(), required=True, help="A .npz or .safetensors file to write.")
@options.json_option
@options.help_ends(options.KERAS_MODEL, options.NEWEST_RUN, options.OR_IMAGENETTE)
def export(model: Path | None, output: Path, as_json: bool) -> None:
    """Write the weights of MODEL with joined towers.

    The arrays are named conv1/kernel, conv1/bias and so on.
    """
    path = options.model_or_pretrained(model)
    from alexnet_keras.weights.named_arrays import WRITERS

    atomic_files.check_output(output, tuple(WRITERS))
    options.load_tensorflow()
    from alexnet_keras.model.loading import load_model, weights_of
    from alexnet_keras.weights import trained_weights

    found = weights_of(load_model(path))
    with atomic_files.appear_whole(output) as partial:
        trained_weights.export(partial, found)
    size = output.stat().st_size
    if as_json:
        click.echo(json.dumps({"output": str(output), "bytes": size, "layers": list(found.layers)}))
        return
    rows = [("wrote", str(output)), ("model", str(path)), ("size", size_of(size)), ("layers", ", ".join(found.layers))]
    options.print_pairs(rows)
