"""The rooms of the package import one another as docs/architecture.md allows, and tests/ has the same rooms."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_keras

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "alexnet_keras"


def table() -> dict[str, set[str]]:
    """Room -> the rooms that it may import, as docs/architecture.md has them."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([`\w, ]+) \|$", page, re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", names)) for room, names in rows}


ROOMS = sorted([*(path.parent.name for path in PACKAGE.glob("*/__init__.py")), "api"])


def imports(room: str) -> set[str]:
    """The rooms that the modules of a room import, anywhere in their text."""
    found = set()
    for path in (PACKAGE / room).rglob("*.py") if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "alexnet_keras":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alexnet_keras."):
                found.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("alexnet_keras.")}
    return found - {room}


def test_every_room_has_its_row():
    assert sorted(table()) == ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_row_allows(room):
    assert imports(room) <= table()[room]


def test_the_table_has_no_circles():
    allowed = table()
    done: set[str] = set()
    while len(done) < len(allowed):
        ready = {room for room, names in allowed.items() if room not in done and names <= done}
        assert ready, f"These rooms import one another: {sorted(set(allowed) - done)}"
        done |= ready


def test_every_module_has_its_tests_in_the_file_of_its_name():
    modules = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if not path.name.startswith("__")]
    missing = [path for path in modules if not (ROOT / "tests" / path.parent / f"test_{path.name}").is_file()]
    assert missing == []


def test_importing_the_package_imports_no_tensorflow():
    code = (
        "import sys, alexnet_keras; from alexnet_keras.cli.main import main; assert main.commands; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_public_names():
    for name in alexnet_keras.__all__:
        value = getattr(alexnet_keras, name)
        assert isinstance(value, str) if name == "__version__" else callable(value)
        assert value.__doc__
        assert name in dir(alexnet_keras)
    with pytest.raises(AttributeError, match="module 'alexnet_keras' has no attribute 'VGG'"):
        _ = alexnet_keras.VGG
