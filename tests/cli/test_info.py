"""The command `info`: the layers of a model, and the constants of a variant with their sources."""

import dataclasses

import pytest
from support import cli, only_error

from alexnet_keras.config.variants import ARCHITECTURES


def test_info_of_a_variant():
    result = cli("info", "--variant", "paper", "--json")
    assert result.json["parameters"] == 60_965_224
    # FACTS: conv1 105.4 M, conv2 223.9 M, conv3 149.5 M, conv4 112.1 M, conv5 74.8 M, fully connected 58.6 M
    millions = {}
    for layer in result.json["layers"]:
        key = layer["name"][:5] if layer["name"].startswith("conv") else layer["name"][:2]
        millions[key] = millions.get(key, 0) + layer["multiply_adds"] / 1e6
    expected = {"conv1": 105.4, "conv2": 223.9, "conv3": 149.5, "conv4": 112.1, "conv5": 74.8, "fc": 58.6}
    for name, value in expected.items():
        assert millions[name] == pytest.approx(value, abs=0.05), name
    assert result.json["multiply_adds"] / 1e6 == pytest.approx(724, abs=0.5)
    assert {"name": "conv1a", "shape": [55, 55, 48], "parameters": 17472, "multiply_adds": 52707600} in result.json[
        "layers"
    ]


def test_info_of_a_variant_says_where_its_numbers_come_from():
    result = cli("info", "--variant", "original", "--change", "filters=16,16,16,16,16")
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert ["lrn_k", "2", "(layer-params-145.cfg:", "minDiv=2)"] in lines
    assert ["filters", "16,16,16,16,16", "(changed)"] in lines
    assert ["norm1a", "55", "x", "55", "x", "8"] in [line[:6] for line in lines]
    assert max(map(len, result.out.splitlines())) <= 100


def test_info_of_all_variants(monkeypatch):
    for name, spec in list(ARCHITECTURES.items()):
        narrow = dataclasses.replace(spec, filters=(8,) * 5, hidden_units=(16, 16))
        monkeypatch.setitem(ARCHITECTURES, name, narrow)
    result = cli("info", "--variants")
    assert result.out.count("\nmultiply-adds    ") == len(ARCHITECTURES)
    assert max(map(len, result.out.splitlines())) <= 100
    assert set(cli("info", "--variants", "--json").json) == set(ARCHITECTURES)


def test_info_of_a_run_is_a_table(run):
    result = cli("info", run)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "multiply-adds"]
    assert any(line.split() == ["conv1a", "15", "x", "15", "x", "4", "1,456", "326,700"] for line in lines)
    assert lines[-1].startswith("total ")
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variant", "paper", "--variants"], "--variant and --variants exclude each other; omit one of them."),
        (["x.keras", "--variants"], "MODEL and --variants exclude each other; omit one of them."),
        (["--variants", "--change", "towers=1"], "--change needs a variant to change; name it with --variant."),
    ],
    ids=str,
)
def test_a_model_a_variant_and_all_variants_exclude_each_other(options, message):
    result = cli("info", *options)
    assert message in only_error(result)
    assert result.code == 2


def test_json_of_a_variant_has_the_changed_network_and_the_sources(trained):
    changes = ["--change", "filters=8,8,8,8,8", "--change", "hidden_units=16,16"]
    values = cli("info", "--variant", "caffe", *changes, "--json").json
    assert (values["architecture"]["filters"], values["architecture"]["hidden_units"]) == ([8] * 5, [16, 16])
    assert values["sources"]["filters"] == "changed"
    assert values["parameters"] == sum(layer["parameters"] for layer in values["layers"])
    assert set(cli("info", trained, "--json").json) == {"parameters", "multiply_adds", "layers"}
