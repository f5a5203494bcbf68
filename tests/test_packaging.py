"""The source distribution has every file of the repository."""

import subprocess
import tomllib

import pytest
from support import ROOT

AUTOMATIC = {"LICENSE", "MANIFEST.in", "README.md", "pyproject.toml"}  # setuptools adds them, and the modules


def test_the_source_distribution_has_every_file():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    rules = [line.split() for line in (ROOT / "MANIFEST.in").read_text().splitlines()]
    folders = tuple(f"{name}/" for command, *names in rules if command == "graft" for name in names)
    included = AUTOMATIC.union(*(names for command, *names in rules if command == "include"))
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for package, patterns in data.items():
        folder = ROOT / package.replace(".", "/")
        included |= {str(path.relative_to(ROOT)) for pattern in patterns for path in folder.glob(pattern)}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "alexnet_keras").rglob("*.py")}
    others = {name for name in listed.stdout.splitlines() if not name.startswith(folders)}
    assert others - included - modules == set()
