"""Weights: trained elsewhere, made into a model; and out of a model, for elsewhere."""

import json
import shlex
from pathlib import Path

import click

from alexnet_keras.cli.options import example, json_option, load_tensorflow, print_pairs
from alexnet_keras.config.variants import ARCHITECTURES


@click.group(
    epilog=example("alexnet-keras weights import bvlc_alexnet.caffemodel --variant caffe --output caffe.keras")
)
def weights() -> None:
    """Read trained weights of Caffe, PyTorch and NumPy, and write them for others."""


@weights.command(
    "import", epilog=example("alexnet-keras weights import alexnet-owt-7be5be79.pth --variant owt --output owt.keras")
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--variant", type=click.Choice(list(ARCHITECTURES)), required=True, help="The network they belong to.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The .keras file to write.")
@click.option("--allow-missing", is_flag=True, help="Keep initial weights in layers that PATH lacks, and say which.")
@json_option
def import_(path: Path, variant: str, output: Path, allow_missing: bool, as_json: bool) -> None:
    """Make a .keras of PATH: .caffemodel, torchvision's .pth, .safetensors, .npz or .h5."""
    from alexnet_keras.system import atomic_files

    atomic_files.check_output(output, (".keras",))
    load_tensorflow()
    from alexnet_keras.data.sources import imagenet
    from alexnet_keras.model.alexnet import from_weights
    from alexnet_keras.model.loading import read_weights

    # Whoever trained on 1,000 classes gave their names in the order of ILSVRC2012, if any.
    trained = read_weights(path)
    model, missing = from_weights(trained, variant, allow_missing=allow_missing, class_names=imagenet.synsets())
    with atomic_files.appear_whole(output) as partial:
        model.save(partial)
    if as_json:
        values = {"output": str(output), "parameters": model.count_params(), "missing": missing}
        click.echo(json.dumps(values))
        return
    rows = [("wrote", str(output)), ("variant", variant), ("parameters", f"{model.count_params():,}")]
    print_pairs([*rows, *([("missing", f"{', '.join(missing)}: initial weights")] if missing else [])])
    click.echo(f"Next:  alexnet-keras info {shlex.quote(str(output))}")


@weights.command(epilog=example("alexnet-keras weights export saved_models/RUN --output weights.safetensors"))
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A .npz or .safetensors file to write.")
@json_option
def export(model: Path | None, output: Path, as_json: bool) -> None:
    """Write the weights of MODEL, a run or a .keras, as conv1/kernel, conv1/bias, ..., towers joined."""
    from alexnet_keras.cli.find_model import find_model
    from alexnet_keras.system import atomic_files

    path = find_model(model)
    atomic_files.check_output(output, (".npz", ".safetensors"))
    load_tensorflow()
    from alexnet_keras.model.loading import load_model, weights_of
    from alexnet_keras.weights import trained_weights

    found = weights_of(load_model(path))
    with atomic_files.appear_whole(output) as partial:
        trained_weights.export(partial, found)
    values = {"output": str(output), "bytes": output.stat().st_size, "layers": list(found.layers)}
    if as_json:
        click.echo(json.dumps(values))
        return
    rows = [("wrote", str(output)), ("size", f"{output.stat().st_size / 1e6:,.1f} MB")]
    print_pairs([*rows, ("layers", ", ".join(found.layers))])
