"""Every notebook runs from top to bottom on a few images, and opens in Colab."""

import ast
import json
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from support import CLASS_NAMES, ROOT

from alexnet_keras.model.loading import load_model

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
REPOSITORY = "github.com/alexnet-keras/alexnet-keras"
NETWORK = {"filters": (8,) * 5, "hidden_units": (16, 16), "initializer": "he_normal"}
SMALL = {**NETWORK, "input_size": 67}


def read(path: Path) -> dict[str, tuple[str, str]]:
    """The kind and the text of every cell by its id; two cells must not have the same id."""
    cells = json.loads(path.read_text())["cells"]
    found = {cell["id"]: (cell["cell_type"], "".join(cell["source"])) for cell in cells}
    assert len(found) == len(cells)
    return found


def run(name: str, **values: object) -> dict[str, object]:
    """Run all code but the installation in order, and return what each cell shows, the value of its last expression.

    `values` replace those that the cell `parameters` assigns.
    """
    names: dict[str, object] = {}
    shown = {}
    for identity, (kind, text) in read(ROOT / "examples" / f"{name}.ipynb").items():
        if kind == "markdown" or identity == "install":
            continue
        cell = ast.parse(text)
        shows = isinstance(cell.body[-1], ast.Expr)
        if shows:
            cell.body[-1] = ast.Assign([ast.Name("shown", ast.Store())], cell.body[-1].value)
        exec(compile(ast.fix_missing_locations(cell), identity, "exec"), names)
        if shows:
            shown[identity] = names.pop("shown")
        if identity == "parameters":
            assert values.keys() <= names.keys()
            names |= values
    return shown


@pytest.fixture(autouse=True)
def working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_opens_in_colab(path):
    content = path.read_text()
    cells = read(path)
    notebook = json.loads(content)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    for cell in notebook["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert [identity for identity, (kind, _) in cells.items() if kind == "code"][:2] == ["install", "parameters"]
    assert re.fullmatch(
        rf'%pip install -q "alexnet-keras(\[figures\])? @ git\+https://{REPOSITORY}"', cells["install"][1]
    )
    link = f"https://colab.research.google.com/github/{REPOSITORY.partition('/')[2]}/blob/main/examples/{path.name}"
    assert f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({link})" in cells["title"][1]
    for page in ("README.md", "docs/tutorials/notebooks.md"):
        assert link in (ROOT / page).read_text(), page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_links_lead_somewhere(path):
    links = re.findall(rf"(?:{REPOSITORY}|colab\S+?/alexnet-keras)/blob/main/([^)#\s]+)", path.read_text())
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link


def test_alexnet_keras(folder, capsys):
    shown = run("alexnet_keras", data=folder, network=NETWORK, epochs=1)
    assert shown["data"] == CLASS_NAMES
    assert capsys.readouterr().out.count(" looks like ") == 5
    assert load_model("alexnet.keras").input_shape == (None, 227, 227, 3)


@pytest.mark.slow
def test_ten_pictures(folder):
    shown = run("ten_pictures", data=str(folder), network=SMALL, epochs=1, batch_size=6)
    pictures = [figure for identity, figure in shown.items() if identity.startswith("draw-")]
    assert len(pictures) == 10
    assert all(isinstance(figure, Figure) for figure in pictures)
    assert "61.0 million" in shown["draw-architecture"].get_suptitle()
    assert shown["save"].read_text().startswith("<?xml")


def test_your_own_images():
    shown = run("your_own_images", drawings=5, network=SMALL, epochs=1, batch_size=6)
    assert shown["measure"].endswith(")")
    assert {answer["label"] for answer in shown["predict"][0]["predictions"]} == {"house", "sun", "tree"}
    assert "house" in shown["report"].read_text()


@pytest.mark.slow
def test_fine_tuning(folder):
    shown = run(
        "fine_tuning",
        source=str(folder),
        source_options={"epochs": 1, "batch_size": 6},
        small=SMALL,
        drawings=5,
        epochs=1,
        batch_size=6,
    )
    assert list(shown["errors"]) == ["conv1 and conv2 frozen", "conv1 to conv5 frozen", "from scratch"]
    assert isinstance(shown["filters"], Figure)


def test_phone(folder, capsys):
    shown = run("phone", data=str(folder), network=SMALL, epochs=1, batch_size=6, formats=("dynamic",), force=True)
    assert "dynamic" in capsys.readouterr().out
    assert shown["app"] == shown["predict"][0]["predictions"][0]["label"]
