"""Every number of a variant has its source, and the table of variants has its differences in words."""

import dataclasses

import pytest

from alexnet_keras.config.citations import COLUMNS, constants, row
from alexnet_keras.config.variants import ARCHITECTURES

LRN = {"lrn_size", "lrn_k", "lrn_alpha", "lrn_beta", "lrn_divide_alpha_by_size", "lrn_across_towers"}
UNUSED = {"owt": LRN, "batchnorm": LRN | {"dropout_layers"}}


@pytest.mark.parametrize("variant", ARCHITECTURES)
def test_every_number_of_a_variant_has_its_source(variant):
    spec = ARCHITECTURES[variant]
    rows = {name: (value, source) for name, value, source in constants(spec)}
    assert {name: value for name, (value, _) in rows.items() if name not in ("kernels", "strides")} == {
        field.name: getattr(spec, field.name)
        for field in dataclasses.fields(spec)
        if field.name not in {"name"} | UNUSED.get(variant, set())
    }
    assert all(len(source) > 5 and source != "changed" for _, source in rows.values())
    changed = {name: source for name, _, source in constants(dataclasses.replace(spec, dropout=0.25))}
    assert [name for name, source in changed.items() if source == "changed"] == ["dropout"]


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("paper", {"input": "227", "towers": "2", "initial weights": "N(0, 0.01); biases 1"}),
        (
            "original",
            {"input": "224 + 3", "layer 1": "conv, LRN, pool, ReLU", "layer 2": "conv, ReLU, LRN, 5x5 LRN, pool"},
        ),
        ("original", {"normalization": "k = 2, alpha = 0.0001 / 5, over the channels of one tower"}),
        ("caffe", {"normalization": "k = 1, alpha = 0.0001 / 5, over all channels"}),
        ("caffenet", {"layer 1": "conv, ReLU, pool, LRN", "initial weights": "N(0, 0.01); fc6, fc7 0.005; biases 1"}),
        ("owt", {"input": "224 + 4", "filters": "64-192-384-256-256", "normalization": "none"}),
        ("owt", {"initial weights": "PyTorch's"}),
        ("batchnorm", {"layer 1": "conv, BN, ReLU, pool", "normalization": "batch normalization"}),
    ],
)
def test_a_row_of_the_table_says_how_a_variant_differs(variant, words):
    cells = dict(zip(COLUMNS, row(ARCHITECTURES[variant], 61_000_000, 7.204e8), strict=True))
    assert {name: cells[name] for name in words} == words
    assert (cells["variant"], cells["parameters"], cells["multiply-adds"]) == (
        f"`{variant}`",
        "61,000,000",
        "720 million",
    )
