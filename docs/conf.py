"""Configuration of the documentation site: `sphinx-build -W --keep-going -b html docs docs/_build`."""

import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).parent))

from generated import fill

project = "alexnet-keras"
author = "The alexnet-keras authors"
project_copyright = "The alexnet-keras authors"
release = importlib.metadata.version("alexnet-keras")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 3

default_role = "literal"  # docstrings write `code` as Markdown does

html_theme = "furo"
html_title = "alexnet-keras"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def setup(app: Any) -> None:
    """Replace the markers of generated tables when a page is read."""
    app.connect("source-read", _fill)
    app.connect("autodoc-process-docstring", _indent_programs, priority=1)


def _fill(app: Any, page: str, source: list[str]) -> None:
    source[0] = fill(source[0])


def _indent_programs(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn the fenced programs of a docstring into reStructuredText, for which indentation marks a program."""
    inside = False
    for index, line in enumerate(lines):
        if line.strip().startswith("```"):
            inside = not inside
            lines[index] = ".. code-block:: python\n" if inside else ""
        elif inside:
            lines[index] = f"    {line}"
    lines[:] = "\n".join(lines).split("\n")
