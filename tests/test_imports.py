"""Imports point downwards: this table, the README's, and the code are the same."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_keras

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "alexnet_keras"

MAY_IMPORT = {
    "__init__": "data layers model optimizers",  # lazily
    "errors": "",
    "files": "errors",
    "chatter": "",
    "provenance": "",
    "schedules": "errors",
    "architecture": "errors",
    "sources": "architecture",
    "config": "architecture errors schedules",
    "weights": "architecture config errors",
    "learning_rates": "schedules",
    "labels": "",
    "normalization": "",
    "layers": "normalization",
    "optimizers": "",
    "moments": "",
    "sharing": "",
    "progress": "",
    "summary": "",
    "devices": "errors",
    "hosts": "errors",
    "towers": "errors",
    "recipes": "architecture config errors schedules",
    "runs": "config errors files moments",
    "shapes": "config",
    "rescaling": "",
    "images": "config rescaling",
    "augmentation": "config errors moments",
    "model": "architecture config errors layers weights",
    "pruning": "",
    "archive": "errors files layers",
    "splits": "errors moments",
    "shards": "config errors files images moments splits",
    "datasets": "config errors progress shapes shards splits",
    "conversion": "errors images shards splits",
    "prepare": "conversion errors files moments progress shards splits",
    "estimate": "conversion errors progress shards splits",
    "check": "conversion errors images progress shards splits",
    "data": "augmentation config datasets errors images moments progress",
    "predict": "archive chatter config errors images labels layers model",
    "evaluate": "config data datasets errors images predict progress",
    "export": "chatter data datasets devices errors evaluate files images layers model normalization predict "
    "progress provenance splits",
    "signals": "errors",
    "health": "architecture errors",
    "tensorboard": "",
    "checkpoints": "errors files runs",
    "callbacks": "checkpoints config errors files health learning_rates progress runs schedules signals tensorboard",
    "replicas": "data hosts towers",
    "transfer": "config errors model runs weights",
    "frozen": "augmentation data images progress splits",
    "features": "config data datasets errors files progress",
    "fit": "augmentation callbacks checkpoints config data errors frozen health hosts learning_rates model "
    "optimizers replicas runs signals splits tensorboard weights",
    "train": "architecture config conversion data datasets devices errors evaluate files fit hosts model predict "
    "prepare provenance replicas runs signals towers transfer",
    "compress": "archive config data datasets devices errors evaluate export files fit health learning_rates model "
    "predict progress provenance pruning runs schedules sharing signals splits",
    "figures": "augmentation config data datasets errors files images",
    "benchmark": "architecture archive augmentation config data datasets devices images model optimizers predict "
    "progress splits summary",
    "plan": "benchmark config data datasets devices errors model optimizers progress schedules splits summary",
    "commands": "architecture benchmark chatter check compress config conversion datasets errors estimate evaluate "
    "export features figures files hosts labels model plan predict prepare progress recipes runs "
    "schedules sources summary train transfer weights",
    "cli": "commands errors",
}


def files(module: str) -> list[Path]:
    """A module's file, or all files of a subpackage, which is one room."""
    return sorted((PACKAGE / module).glob("*.py")) or [PACKAGE / f"{module}.py"]


def imports(module: str) -> set[str]:
    found = set()
    for node in (node for path in files(module) for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.ImportFrom) and node.module == "alexnet_keras":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alexnet_keras."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("alexnet_keras.")}
    return found - {module}


def test_every_module_has_its_line():
    rooms = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(MAY_IMPORT) == rooms


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_imports_are_those_of_the_table(module):
    assert imports(module) == set(MAY_IMPORT[module].split())


def test_imports_point_downwards():
    order = [name for name in MAY_IMPORT if name != "__init__"]
    for module in order:
        for imported in MAY_IMPORT[module].split():
            assert order.index(imported) < order.index(module), (module, imported)


def test_the_readme_shows_this_table_and_this_tree():
    readme = (ROOT / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|$", readme, re.MULTILINE))
    shown = {module: "" if names == "nothing" else names.replace(",", "") for module, names in rows.items()}
    assert shown == {module: names for module, names in MAY_IMPORT.items() if module != "__init__"}
    for module in MAY_IMPORT:
        room = f"{module}/" if (PACKAGE / module).is_dir() else f"{module}.py"
        assert f"  {room} " in readme, room


def test_importing_the_package_imports_no_tensorflow():
    code = (
        "import sys, alexnet_keras, alexnet_keras.cli; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_public_names():
    for name in alexnet_keras.__all__:
        assert callable(getattr(alexnet_keras, name))
        assert name in dir(alexnet_keras)
    with pytest.raises(AttributeError, match="module 'alexnet_keras' has no attribute 'VGG'"):
        _ = alexnet_keras.VGG
