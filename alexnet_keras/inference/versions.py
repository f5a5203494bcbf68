"""Find SavedModels in folders of versions, which TensorFlow Serving expects: `NAME/1`, `NAME/2`."""

import os
from pathlib import Path

GRAPH = "saved_model.pb"
FIRST = "1"


def find_saved_model(folder: Path) -> Path | None:
    """Return the SavedModel that a folder is, or its newest version as TensorFlow Serving chooses it, or `None`."""
    if os.path.lexists(folder / GRAPH):
        return folder
    versions = [path for path in folder.glob("*") if is_version(path) and os.path.lexists(path / GRAPH)]
    return max(versions, key=lambda path: int(path.name), default=None)


def is_version(path: Path) -> bool:
    """Return whether a folder has the name of a version, such as `1`."""
    return path.name.isascii() and path.name.isdigit() and len(path.name) < 19  # as many digits as 64 bits hold
