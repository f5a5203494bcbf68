"""Where each number of each variant comes from, and what there is to say of them all in one table.

Sections are those of the paper (Krizhevsky, Sutskever, Hinton, NIPS 2012); `layers-145.cfg`, `layer-params-145.cfg` and
`layer.py` are files of the 2012 source code (`computerhistory/AlexNet-Source-Code`).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_keras.config.architecture import GAUSSIANS, STDDEV, Architecture
from alexnet_keras.config.variants import ARCHITECTURES

PAPER = {
    "input_size": "section 2 and figure 2 say 224; 55 windows of 11 at a stride of 4 need 4 * 54 + 11 = 227",
    "conv1_padding": "section 3.5: none",
    "conv1_ceil": "section 3.5: nothing of it",
    "towers": "section 3.2, figure 2: two GPUs",
    "towers_meet": "section 3.5: conv3 and the fully connected layers see both",
    "filters": "section 3.5, figure 2",
    "hidden_units": "section 3.5: 4096 each",
    "activation": "section 3.1",
    "order": "section 3.5: the ReLU follows every layer (3.3: the norm comes after it), then norm, then pooling",
    "pool_size": "section 3.4: windows of 3 at a stride of 2 overlap",
    "lrn_layers": "section 3.5: the first and the second",
    "lrn_across_towers": "section 3.2: the towers talk in certain layers only",
    "lrn_size": "section 3.3: n = 5",
    "lrn_k": "section 3.3: k = 2",
    "lrn_alpha": "section 3.3: alpha = 1e-4",
    "lrn_beta": "section 3.3: beta = 0.75",
    "lrn_divide_alpha_by_size": "section 3.3: the formula does not divide",
    "batch_normalization": "proposed in 2015",
    "dropout": "section 4.2",
    "dropout_layers": "section 4.2: the first two fully connected layers",
    "initializer": "section 5: N(0, 0.01), biases of 1 in conv2, conv4, conv5, fc6, fc7",
}
ORIGINAL = {
    **dict.fromkeys(PAPER, "layers-145.cfg"),
    "input_size": "convdata_jpeg.py: 256 less two borders of 16",
    "conv1_ceil": "layer.py: ceil((224 - 11) / 4) + 1 = 55, the last window sees 3 px of zeros",
    "order": "layers-145.cfg: rnorm1 and pool1 before the ReLU; cnorm2 (alpha 0.001 / 25, k = 1) after rnorm2",
    "lrn_k": "layer-params-145.cfg: minDiv=2",
    "lrn_alpha": "layer-params-145.cfg: scale=0.0001",
    "lrn_beta": "layer-params-145.cfg: pow=0.75",
    "lrn_divide_alpha_by_size": "layer.py: scale /= size",
    "lrn_across_towers": "layers-145.cfg: channels=48 and 128",
    "batch_normalization": PAPER["batch_normalization"],
    "initializer": "layers-145.cfg: initW=0.01, in conv3 to conv5 0.03; initB=1",
}
CAFFE = {
    **dict.fromkeys(PAPER, "bvlc_alexnet/train_val.prototxt"),
    "input_size": "bvlc_alexnet/train_val.prototxt: crop_size: 227",
    "towers": "bvlc_alexnet/train_val.prototxt: group: 2",
    "order": "bvlc_alexnet/train_val.prototxt: relu, norm, pool",
    "lrn_across_towers": "bvlc_alexnet/train_val.prototxt: LRN knows of no groups",
    "lrn_k": "caffe.proto: k is 1 where nothing is said",
    "lrn_divide_alpha_by_size": "lrn_layer.cpp: alpha / size",
    "batch_normalization": PAPER["batch_normalization"],
    "initializer": "bvlc_alexnet/train_val.prototxt: 0.01, fc6 and fc7 0.005; biases of 0.1",
}
CAFFENET = {
    **{name: source.replace("bvlc_alexnet", "bvlc_reference_caffenet") for name, source in CAFFE.items()},
    "order": "bvlc_reference_caffenet/train_val.prototxt: relu, pool, norm",
    "initializer": "bvlc_reference_caffenet/train_val.prototxt: 0.01, fc6 and fc7 0.005; biases of 1",
}
ONE_TOWER = {
    **PAPER,
    "towers": "what most tutorials build: no groups",
    "lrn_across_towers": "one tower: either is the same",
}
OWT = {
    **dict.fromkeys(PAPER, "torchvision/models/alexnet.py"),
    "input_size": "torchvision: AlexNet_Weights, crop_size=224",
    "conv1_padding": "torchvision/models/alexnet.py: padding=2",
    "towers": "arXiv:1404.5997: one model, not two columns",
    "filters": "arXiv:1404.5997, torchvision/models/alexnet.py",
    "lrn_layers": "arXiv:1404.5997: no normalization",
    "dropout_layers": "torchvision/models/alexnet.py: before fc6 and before fc7",
    "batch_normalization": PAPER["batch_normalization"],
    "initializer": "PyTorch's default: uniform within 1 / sqrt(inputs), weights and biases",
}
BATCHNORM = {
    **dict.fromkeys(PAPER, "cvjena/cnn-models, AlexNet_cvgj/train.prototxt"),
    "lrn_layers": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: none",
    "batch_normalization": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: without scale and shift",
    "dropout": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: none",
    "initializer": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: msra",
}
SOURCES: Mapping[str, Mapping[str, str]] = {
    "original": ORIGINAL,
    "paper": PAPER,
    "caffe": CAFFE,
    "caffenet": CAFFENET,
    "one_tower": ONE_TOWER,
    "owt": OWT,
    "batchnorm": BATCHNORM,
}


def constants(spec: Architecture) -> list[tuple[str, Any, str]]:
    """Name, value and source of everything that makes up a network; `changed` where it is not its variant's."""
    values = dataclasses.asdict(spec)
    unused = set() if spec.lrn_layers else {name for name in values if name.startswith("lrn_")} - {"lrn_layers"}
    unused |= set() if spec.dropout else {"dropout_layers"}
    known = dataclasses.asdict(ARCHITECTURES[spec.name]) if spec.name in ARCHITECTURES else {}
    sources = SOURCES.get(spec.name, {})
    fixed = [
        ("kernels", (11, 5, 3, 3, 3), "section 3.5, and alike in all variants"),
        ("strides", (4, 1, 1, 1, 1), "section 3.5, and alike in all variants; pooling 2"),
    ]
    return fixed + [
        (name, value, sources[name] if name in sources and known[name] == value else "changed")
        for name, value in values.items()
        if name != "name" and name not in unused
    ]


def initial_weights(spec: Architecture) -> str:
    """How its weights begin, in words."""
    gaussian = GAUSSIANS.get(spec.initializer)
    if gaussian is None:
        return {"he_normal": "He", "glorot_uniform": "Glorot", "torchvision": "PyTorch's"}[spec.initializer]
    widths = sorted({*gaussian.stddevs.values()})
    special = [
        f"{', '.join(name for name, width in gaussian.stddevs.items() if width == value)} {value:g}" for value in widths
    ]
    return "; ".join([f"N(0, {STDDEV:g})", *special, f"biases {gaussian.bias:g}"])


def normalization(spec: Architecture) -> str:
    """Its normalization, in words."""
    if spec.batch_normalization:
        return "batch normalization"
    if not spec.lrn_layers:
        return "none"
    alpha = f"{spec.lrn_alpha:.0e}".replace("e-0", "e-") + (
        f" / {spec.lrn_size}" if spec.lrn_divide_alpha_by_size else ""
    )
    reach = "all maps" if spec.lrn_across_towers or spec.towers == 1 else "a tower's maps"
    return f"k {spec.lrn_k:g}, alpha {alpha}, {reach}"


WORDS = {"activation": "ReLU", "lrn": "LRN", "spatial_lrn": "5x5 LRN", "pool": "pool", "batch_normalization": "BN"}


def layer_order(spec: Architecture, number: int) -> str:
    """What one layer does in turn, in words."""
    words = {**WORDS, "activation": {"relu": "ReLU", "tanh": "tanh"}[spec.activation]}
    return ", ".join(["conv", *(words[step] for step in spec.stages[number - 1])])


COLUMNS = (
    "variant",
    "input",
    "towers",
    "filters",
    "layer 1",
    "layer 2",
    "normalization",
    "initial weights",
    "parameters",
    "multiply-adds",
)


def row(spec: Architecture, parameters: int, multiply_adds: int) -> Sequence[str]:
    """A network's line in the table of all variants, below `COLUMNS`."""
    zeros = spec.conv1_zeros(spec.input_size)
    return (
        f"`{spec.name}`",
        str(spec.input_size) + (f" + {sum(zeros)}" if sum(zeros) else ""),
        str(spec.towers),
        "-".join(map(str, spec.filters)),
        layer_order(spec, 1),
        layer_order(spec, 2),
        normalization(spec),
        initial_weights(spec),
        f"{parameters:,}",
        f"{multiply_adds / 1e6:,.0f} million",
    )
