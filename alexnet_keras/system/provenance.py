"""Versions, hardware, commit and time, stored with every measurement."""

import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("alexnet-keras", "tensorflow", "keras", "numpy", "ai-edge-litert", "onnxruntime")


def provenance(hardware: str, **more: str) -> dict[str, Any]:
    """Collect versions, hardware, commit and time, without which a measurement means little."""
    return {
        "hardware": hardware,
        **more,
        "python": sys.version.split()[0],
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout that contains the package, with `-dirty` if files were changed."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
