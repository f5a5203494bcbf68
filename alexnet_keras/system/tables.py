"""Write rows to CSV, JSON and Parquet files, and print them as CSV or Markdown."""

import csv
import importlib.util
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_keras.system import atomic_files
from alexnet_keras.system.errors import OptionError

SUFFIXES = (".csv", ".json", ".parquet")
CHUNK = 10_000  # rows that are in memory at the same time while a Parquet file is written

Row = Mapping[str, Any]


def check_table(output: Path) -> None:
    """Check that a table can be written, before the long work that produces its rows."""
    atomic_files.check_output(output, SUFFIXES)
    if output.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise OptionError(
            f"`output` {output.name} needs pyarrow; install it with 'pip install pyarrow', or write a .csv."
        )


def write_table(output: Path, rows: Iterable[Row], columns: Mapping[str, type], flatten: Callable[[Row], Row]) -> None:
    """Write rows as they come; the file appears whole or not at all.

    Args:
        columns: column -> type of its values, which may also be `None`; for CSV and Parquet.
        flatten: a nested row -> its values by column.
    """
    write = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}[output.suffix]
    with atomic_files.appear_whole(output) as partial:
        write(partial, rows if output.suffix == ".json" else map(flatten, rows), columns)


def _write_csv(path: Path, rows: Iterable[Row], columns: Mapping[str, type]) -> None:
    # A file name that is not UTF-8 is escaped, because no reader would take the whole file otherwise.
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, rows: Iterable[Row], columns: Mapping[str, type]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(f"{',' if number else ''}\n{json.dumps(row)}")
        file.write("\n]\n")


def _write_parquet(path: Path, rows: Iterable[Row], columns: Mapping[str, type]) -> None:
    import pyarrow as arrow
    from pyarrow.parquet import ParquetWriter

    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float32(), bool: arrow.bool_()}
    schema = arrow.schema({name: kinds[kind] for name, kind in columns.items()})
    rows = iter(rows)
    with ParquetWriter(path, schema) as writer:
        while chunk := [{name: _utf8(row.get(name)) for name in columns} for row in itertools.islice(rows, CHUNK)]:
            writer.write_table(arrow.Table.from_pylist(chunk, schema))


def _utf8(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows, the headings first, as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def markdown_lines(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Yield the lines of a Markdown table of rows, the headings first."""
    for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]]:
        cells = ("" if cell is None else str(cell).replace("|", "\\|").replace("\n", " ") for cell in row)
        yield f"| {' | '.join(cells)} |"
