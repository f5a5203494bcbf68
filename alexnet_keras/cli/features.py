"""The command `features`."""

import json
import os
from pathlib import Path
from typing import Any

import click

from alexnet_keras import api
from alexnet_keras.cli import options
from alexnet_keras.cli.types import PathName
from alexnet_keras.config.training import SPLITS
from alexnet_keras.system import atomic_files


@click.command(
    cls=options.GroupedCommand,
    epilog=options.example("alexnet-keras features caffe.keras --data imagenette --layer fc7 --output fc7.npz"),
)
@options.model_argument
@options.data_options("The data set whose images the network sees.  [default: the data set of the run]")
@click.option(
    "--layer", default="fc7", show_default=True, help="A layer that 'info MODEL' lists; fc7 means fc7a and fc7b."
)
@click.option(
    "--part",
    type=click.Choice([*SPLITS, "both"]),
    default="both",
    show_default=True,
    help="The split of the data set.",
)
@click.option("--output", type=PathName(), required=True, help="The .npz file to write.")
@options.json_option
@options.help_ends(options.KERAS_MODEL, options.NEWEST_RUN)
def features(model: Path | None, layer: str, part: str, output: Path, as_json: bool, **where: Any) -> None:
    """Write the output of one layer for the central crop of each image to a .npz file.

    The file also holds the names, splits and labels of the images.
    """
    path = api.find_model(model)
    atomic_files.check_output(output, (".npz",))
    source = options.data_source(lambda: api.data_of(path), **where)
    options.load_tensorflow()
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.inference.features import until, write
    from alexnet_keras.model.loading import load_model

    network = load_model(path)
    until(network, layer)  # fails at once if there is no such layer
    folder = Path(os.path.expanduser(source.name))
    parts = SPLITS if part == "both" else (part,)
    root = (folder if folder.is_dir() else folder.parent).resolve() if folder.exists() else None
    shape = write(output, network, layer, open_dataset(source), parts, root)
    if as_json:
        click.echo(json.dumps({"output": str(output), "layer": layer, "shape": shape}))
        return
    options.print_pairs(
        [
            ("wrote", str(output)),
            ("features", f"{' x '.join(map(str, shape))} float32, of {layer}"),
            ("also", "names, parts, labels, class_names"),
        ]
    )
