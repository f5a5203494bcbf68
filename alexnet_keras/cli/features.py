"""Features: what a layer makes of pictures, for other programs."""

import json
from pathlib import Path
from typing import Any

import click

from alexnet_keras.cli.options import data_options, data_source, example, json_option, load_tensorflow, print_pairs


@click.command(epilog=example("alexnet-keras features caffe.keras --data imagenette --layer fc7 --output fc7.npz"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@data_options("The data set whose pictures are looked at.  [default: the run's]")
@click.option("--layer", default="fc7", show_default=True, help="A layer of 'info MODEL'; fc7 is both towers' fc7.")
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "both"]),
    default="both",
    show_default=True,
    help="Which pictures.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The .npz to write.")
@json_option
def features(model: Path | None, layer: str, part: str, output: Path, as_json: bool, **where: Any) -> None:
    """Write what a layer of MODEL, a run or a .keras, makes of central crops: features, names, parts, labels."""
    from alexnet_keras.cli.find_model import data_of, find_model
    from alexnet_keras.system import atomic_files

    path = find_model(model)
    atomic_files.check_output(output, (".npz",))
    source = data_source(lambda: data_of(path), **where)
    load_tensorflow()
    from alexnet_keras.data.sources.open_dataset import open_dataset
    from alexnet_keras.inference.features import PARTS, until, write
    from alexnet_keras.model.loading import load_model

    network = load_model(path)
    until(network, layer)  # before the data are read
    folder = Path(source.name).expanduser()
    parts = PARTS if part == "both" else (part,)
    root = folder.resolve() if folder.is_dir() else None
    shape = write(output, network, layer, open_dataset(source), parts, root)
    if as_json:
        click.echo(json.dumps({"output": str(output), "layer": layer, "shape": shape}))
        return
    print_pairs(
        [
            ("wrote", str(output)),
            ("features", f"{' x '.join(map(str, shape))} float32, of {layer}"),
            ("besides", "names, parts, labels, class_names"),
        ]
    )
