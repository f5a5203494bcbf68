"""The named variants of AlexNet; `config.citations` says where each of their numbers comes from."""

import dataclasses
from typing import Any

from alexnet_keras.config.architecture import Architecture
from alexnet_keras.system.errors import check, remedy_of_name

_PAPER = Architecture(name="paper")
_CAFFE = Architecture(
    name="caffe", lrn_k=1.0, lrn_divide_alpha_by_size=True, lrn_across_towers=True, initializer="caffe"
)

# layers-18pct.cfg of the 2012 code: 18% error on CIFAR-10 without augmentation.
CIFAR = Architecture(
    name="cifar",
    input_size=32,
    towers=1,
    filters=(32, 32, 64),
    hidden_units=(),
    order="caffenet",
    lrn_size=3,
    lrn_k=1.0,
    lrn_alpha=5e-5,
    lrn_divide_alpha_by_size=True,
    dropout=0.0,
    initializer="cifar",
)

ARCHITECTURES = {
    variant.name: variant
    for variant in (
        Architecture(
            name="original",
            input_size=224,
            conv1_ceil=True,
            order="original",
            lrn_divide_alpha_by_size=True,
            initializer="original",
        ),
        _PAPER,
        _CAFFE,
        dataclasses.replace(_CAFFE, name="caffenet", order="caffenet", initializer="caffenet"),
        dataclasses.replace(_PAPER, name="one_tower", towers=1),
        Architecture(
            name="owt",
            input_size=224,
            conv1_padding=2,
            towers=1,
            filters=(64, 192, 384, 256, 256),
            lrn_layers=(),
            dropout_layers=("pool5", "fc6"),
            initializer="torchvision",
        ),
        Architecture(name="batchnorm", lrn_layers=(), batch_normalization=True, dropout=0.0, initializer="he_normal"),
    )
}

MODEL_PREFIX = "alexnet_"


def variant_of(model_name: str) -> str | None:
    """Return the variant after which `AlexNet` named a model, or `None` if the model has a name of its own."""
    return model_name.removeprefix(MODEL_PREFIX) if model_name.startswith(MODEL_PREFIX) else None


def architecture(variant: "str | Architecture", **changes: Any) -> Architecture:
    """Look up a variant by its name and change fields of it."""
    if not isinstance(variant, Architecture):
        check(variant in ARCHITECTURES, f"`variant` {variant!r} is unknown; choose from {', '.join(ARCHITECTURES)}.")
        variant = ARCHITECTURES[variant]
    fields = [field.name for field in dataclasses.fields(Architecture) if field.name != "name"]
    for name in changes:
        check(name in fields, f"There is no field {name!r}; {remedy_of_name(name, fields)}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
    }
    return dataclasses.replace(variant, **values)
