"""The tables that the documentation takes from the code."""

import importlib.util
import re

import pytest
from support import ROOT

from alexnet_keras.config.recipes import RECIPES
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model import alexnet, summary


@pytest.fixture(scope="module")
def generated():
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "generated.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_marker_has_its_table(generated):
    names = {name for page in (ROOT / "docs").rglob("*.md") for name in generated.MARKER.findall(page.read_text())}
    assert names == set(generated.TABLES)


def test_every_variant_has_a_row(generated, summaries, monkeypatch):
    monkeypatch.setattr(alexnet, "AlexNet", summaries.get)
    monkeypatch.setattr(summary, "summarize", lambda layers: layers)
    table = generated.variants()
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(ARCHITECTURES)
    assert "60,965,224" in table


def test_every_constant_has_a_source(generated):
    text = generated.constants()
    assert re.findall(r"^### (\w+)", text, re.MULTILINE) == list(ARCHITECTURES)
    assert "| `lrn_alpha` | 0.0001 | section 3.3: alpha = 1e-4 |" in text
    assert "| changed |" not in text


def test_every_recipe_has_a_section_and_a_row(generated):
    assert re.findall(r"^### (\w+)", generated.recipes(), re.MULTILINE) == list(RECIPES)
    page = (ROOT / "docs/reference/recipes.md").read_text()
    (rows,) = re.findall(r"^\| recipe \| what it is \|\n\| --- \| --- \|\n((?:\|.*\n)+)", page, re.MULTILINE)
    names = [name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(names) == sorted(RECIPES)
