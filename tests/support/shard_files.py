"""Copies of prepared data sets, and changes to them that no checksum shows."""

import json
from pathlib import Path

import numpy as np
import xxhash


def copy(prepared: Path, encoding: str, tmp_path: Path) -> Path:
    """Copy the shards of an encoding, so that they can be damaged."""
    (tmp_path / "s").mkdir()
    for path in (prepared / encoding).iterdir():
        (tmp_path / "s" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "s"


def forge(folder: Path, **changes: object) -> None:
    """Change dataset.json and the index of the training images, and let the checksum of the index fit."""
    values, index = json.loads((folder / "dataset.json").read_text()), np.load(folder / "train-00000.index.npy")
    for name, value in changes.items():
        if name in index.dtype.names:
            index[0][name] = value
        else:
            entry = values["splits"]["train"][0] if name in values["splits"]["train"][0] else values
            entry[name if name != "title" else "name"] = value
    np.save(folder / "train-00000.index.npy", index)
    values["splits"]["train"][0]["index_checksum"] = xxhash.xxh3_64_hexdigest(
        (folder / "train-00000.index.npy").read_bytes()
    )
    (folder / "dataset.json").write_text(json.dumps(values))
