"""The source distribution has every file of the repository, and the Dockerfile names what exists."""

import re
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


def test_the_dockerfile_names_what_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent == {name for name in copied if (ROOT / name).exists()}
    assert {project["readme"], *project["license-files"]} < copied  # which the build of the package needs
    text = "\n".join(lines)
    assert set(re.findall(r"\.\[(\w+)\]", text)) <= set(project["optional-dependencies"])
    assert re.findall(r'CMD \["([\w-]+)"', text) == list(project["scripts"])
    (image,) = re.findall(r"docker build --tag (\S+) ", text)
    assert f"image: {image}\n" in (ROOT / "docs" / "how_to" / "many_workers.md").read_text()
