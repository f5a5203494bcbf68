"""Tables that the documentation takes from the code.

A line `<!-- generated: NAME -->` in a page is replaced by the table `TABLES[NAME]()` when the site is built.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence

from alexnet_keras.config import citations
from alexnet_keras.config.command_line import as_word
from alexnet_keras.config.recipes import RECIPES
from alexnet_keras.config.training import SOURCE_FIELDS
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.system.tables import markdown_lines

# What a table of recipes leaves out: its own heading, and what depends on the machine.
LEFT_OUT = ("recipe", "architecture", *SOURCE_FIELDS, "steps_per_epoch", "target_error", "seed", "precision")
MARKER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def fill(text: str) -> str:
    """Replace every marker of a page by its table. Raises `KeyError` for a table that does not exist."""
    return MARKER.sub(lambda match: TABLES[match[1]](), text)


def variants() -> str:
    """All variants, one row each."""
    from alexnet_keras.model.alexnet import AlexNet
    from alexnet_keras.model.summary import summarize, totals

    counted = {name: totals(summarize(AlexNet(name))) for name in ARCHITECTURES}
    return table(citations.COLUMNS, (citations.row(ARCHITECTURES[name], *total) for name, total in counted.items()))


def constants() -> str:
    """Every constant of every variant with its source, one section a variant."""
    sections = []
    for name, architecture in ARCHITECTURES.items():
        rows = [(f"`{field}`", as_word(value), source) for field, value, source in citations.constants(architecture)]
        sections.append(f"### {name}\n\n{table(('constant', 'value', 'source'), rows)}")
    return "\n\n".join(sections)


def recipes() -> str:
    """Every recipe with its docstring and its fields, without those that depend on the machine."""
    sections = []
    for name, function in RECIPES.items():
        config = function()
        rows = [
            (f"`{field.name}`", as_word(getattr(config, field.name)))
            for field in dataclasses.fields(config)
            if field.name not in LEFT_OUT
        ]
        rows.insert(0, ("variant", f"`{config.architecture.name}`"))
        words = "\n".join(line.strip() for line in (function.__doc__ or "").strip().splitlines())
        sections.append(f"### {name}\n\n{words}\n\n{table(('field', 'value'), rows)}")
    return "\n\n".join(sections)


TABLES: dict[str, Callable[[], str]] = {"variants": variants, "constants": constants, "recipes": recipes}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(markdown_lines([header, *rows]))
