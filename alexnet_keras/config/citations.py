"""The source of each constant of each variant, and the variants as rows of a table.

Sections are those of the paper (Krizhevsky, Sutskever, Hinton, NIPS 2012). `layers-145.cfg`, `layer-params-145.cfg`,
`layer.py` and `convdata_jpeg.py` are files of the 2012 source code (`computerhistory/AlexNet-Source-Code`).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_keras.config.architecture import GAUSSIANS, STDDEV, Architecture
from alexnet_keras.config.variants import ARCHITECTURES

ADDED = {
    "width": "not in the paper; Howard et al. 2017 (arXiv:1704.04861), section 3.3",
    "batch_normalization": "not used; batch normalization was published in 2015, after the paper",
}
PAPER = {
    **ADDED,
    "input_size": "section 2 and figure 2 say 224; 55 windows of 11 at a stride of 4 need 4 * 54 + 11 = 227",
    "conv1_padding": "section 3.5 does not mention it",
    "conv1_ceil": "section 3.5 does not mention it",
    "towers": "section 3.2, figure 2: two GPUs",
    "towers_meet": "section 3.5: conv3 and the fully connected layers see both",
    "filters": "section 3.5, figure 2",
    "hidden_units": "section 3.5: 4096 each",
    "activation": "section 3.1",
    "order": "section 3.5: the ReLU follows every layer (3.3: the norm comes after it), then norm, then pooling",
    "pool_size": "section 3.4: windows of 3 at a stride of 2 overlap",
    "lrn_layers": "section 3.5: the first and the second",
    "lrn_across_towers": "section 3.2: the towers communicate only in certain layers",
    "lrn_size": "section 3.3: n = 5",
    "lrn_k": "section 3.3: k = 2",
    "lrn_alpha": "section 3.3: alpha = 1e-4",
    "lrn_beta": "section 3.3: beta = 0.75",
    "lrn_divide_alpha_by_size": "section 3.3: the formula does not divide",
    "dropout": "section 4.2",
    "dropout_layers": "section 4.2: the first two fully connected layers",
    "initializer": "section 5: N(0, 0.01), biases of 1 in conv2, conv4, conv5, fc6, fc7",
    "pixel_stddev": "section 2: only the mean is subtracted",
}
ORIGINAL = {
    **dict.fromkeys(PAPER, "layers-145.cfg"),
    **ADDED,
    "input_size": "convdata_jpeg.py: 256 minus two borders of 16",
    "conv1_ceil": "layer.py: ceil((224 - 11) / 4) + 1 = 55, the last window sees 3 columns of zeros",
    "order": "layers-145.cfg: rnorm1 and pool1 before the ReLU; cnorm2 (alpha 0.001 / 25, k = 1) after rnorm2",
    "lrn_k": "layer-params-145.cfg: minDiv=2",
    "lrn_alpha": "layer-params-145.cfg: scale=0.0001",
    "lrn_beta": "layer-params-145.cfg: pow=0.75",
    "lrn_divide_alpha_by_size": "layer.py: scale /= size",
    "lrn_across_towers": "layers-145.cfg: channels=48 and 128",
    "initializer": "layers-145.cfg: initW=0.01, in conv3 to conv5 0.03; initB=1",
}
CAFFE = {
    **dict.fromkeys(PAPER, "bvlc_alexnet/train_val.prototxt"),
    **ADDED,
    "input_size": "bvlc_alexnet/train_val.prototxt: crop_size: 227",
    "towers": "bvlc_alexnet/train_val.prototxt: group: 2",
    "order": "bvlc_alexnet/train_val.prototxt: relu, norm, pool",
    "lrn_across_towers": "bvlc_alexnet/train_val.prototxt: LRN ignores groups",
    "lrn_k": "caffe.proto: the default of k is 1",
    "lrn_divide_alpha_by_size": "lrn_layer.cpp: alpha / size",
    "initializer": "bvlc_alexnet/train_val.prototxt: 0.01, fc6 and fc7 0.005; biases of 0.1",
}
CAFFENET = {
    **{name: source.replace("bvlc_alexnet", "bvlc_reference_caffenet") for name, source in CAFFE.items()},
    "order": "bvlc_reference_caffenet/train_val.prototxt: relu, pool, norm",
    "initializer": "bvlc_reference_caffenet/train_val.prototxt: 0.01, fc6 and fc7 0.005; biases of 1",
}
ONE_TOWER = {
    **PAPER,
    "towers": "most tutorials: no groups",
    "lrn_across_towers": "with one tower, both values mean the same",
}
OWT = {
    **dict.fromkeys(PAPER, "torchvision/models/alexnet.py"),
    **ADDED,
    "input_size": "torchvision: AlexNet_Weights, crop_size=224",
    "conv1_padding": "torchvision/models/alexnet.py: padding=2",
    "towers": "arXiv:1404.5997: one model, not two columns",
    "filters": "arXiv:1404.5997, torchvision/models/alexnet.py",
    "lrn_layers": "arXiv:1404.5997: no normalization",
    "dropout_layers": "torchvision/models/alexnet.py: before fc6 and before fc7",
    "initializer": "PyTorch's default: uniform within 1 / sqrt(inputs), weights and biases",
    "pixel_stddev": "64 for this initializer; torchvision divides each colour by its own deviation, 57 to 59",
}
BATCHNORM = {
    **dict.fromkeys(PAPER, "cvjena/cnn-models, AlexNet_cvgj/train.prototxt"),
    "width": ADDED["width"],
    "lrn_layers": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: none",
    "batch_normalization": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: without scale and shift",
    "dropout": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: none",
    "initializer": "cvjena/cnn-models, AlexNet_cvgj/train.prototxt: msra",
    "pixel_stddev": "64 for this initializer; the source has batch statistics of the pixels",
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
    """List the constants of a network.

    Returns:
        Name, value and source of each; the source is `changed` if the value is not that of the variant.
    """
    values = dataclasses.asdict(spec)
    unused = set() if spec.lrn_layers else {name for name in values if name.startswith("lrn_")} - {"lrn_layers"}
    unused |= set() if spec.dropout else {"dropout_layers"}
    known = dataclasses.asdict(ARCHITECTURES[spec.name]) if spec.name in ARCHITECTURES else {}
    sources = SOURCES.get(spec.name, {})
    fixed = [
        ("kernels", (11, 5, 3, 3, 3), "section 3.5; the same in all variants"),
        ("strides", (4, 1, 1, 1, 1), "section 3.5; the same in all variants; 2 in pooling"),
    ]
    return fixed + [
        (name, value, sources[name] if name in sources and known[name] == value else "changed")
        for name, value in values.items()
        if name != "name" and name not in unused
    ]


def initial_weights(spec: Architecture) -> str:
    """Describe the initial weights for the table of variants."""
    if spec.initializer not in GAUSSIANS:
        return {"he_normal": "He", "glorot_uniform": "Glorot", "torchvision": "PyTorch's"}[spec.initializer]
    gaussian = GAUSSIANS[spec.initializer]
    others = [f"{', '.join(gaussian.stddevs)} {min(gaussian.stddevs.values()):g}"] if gaussian.stddevs else []
    return "; ".join([f"N(0, {STDDEV:g})", *others, f"biases {gaussian.bias:g}"])


def normalization(spec: Architecture) -> str:
    """Describe the normalization for the table of variants."""
    if spec.batch_normalization:
        return "batch normalization"
    if not spec.lrn_layers:
        return "none"
    divisor = f" / {spec.lrn_size}" if spec.lrn_divide_alpha_by_size else ""
    reach = "all channels" if spec.lrn_across_towers or spec.towers == 1 else "the channels of one tower"
    return f"k = {spec.lrn_k:g}, alpha = {spec.lrn_alpha:.6f}".rstrip("0") + f"{divisor}, over {reach}"


WORDS = {"relu": "ReLU", "tanh": "tanh", "lrn": "LRN", "spatial_lrn": "5x5 LRN", "batch_normalization": "BN"}


def layer_order(spec: Architecture, number: int) -> str:
    """Describe the steps of layer `number` for the table of variants."""
    steps = [spec.activation if step == "activation" else step for step in spec.stages[number - 1]]
    return ", ".join(["conv", *(WORDS.get(step, step) for step in steps)])


COLUMNS = (
    *("variant", "input", "towers", "filters", "layer 1"),
    *("layer 2", "normalization", "initial weights", "parameters", "multiply-adds"),
)


def row(spec: Architecture, parameters: int, multiply_adds: int) -> Sequence[str]:
    """The row of a network in the table of variants, whose headings are `COLUMNS`."""
    zeros = spec.conv1_zeros(spec.input_size)
    return (
        f"`{spec.name}`",
        str(spec.input_size) + (f" + {sum(zeros)}" if sum(zeros) else ""),
        str(spec.towers),
        "-".join(map(str, spec.channels)),
        layer_order(spec, 1),
        layer_order(spec, 2),
        normalization(spec),
        initial_weights(spec),
        f"{parameters:,}",
        f"{multiply_adds / 1e6:,.0f} million",
    )
