"""Tables appear whole in each format, with the values that were given."""

import csv
import importlib.util
import json

import pytest

from alexnet_keras.system import tables
from alexnet_keras.system.errors import InputError, OptionError
from alexnet_keras.system.tables import check_table, csv_text, markdown_lines, write_table

COLUMNS = {"name": str, "count": int, "part": float, "right": bool, "error": str}
NESTED = [
    {"name": "a,b\n", "of": {"count": 2**40, "part": 0.5}, "right": True},
    {"name": "\udcff.jpg", "of": {"count": None, "part": None}, "right": False, "error": "damaged"},
    {"name": "c", "of": {"count": 3, "part": 1.0}, "right": True},
]


def flatten(row):
    return {**{name: value for name, value in row.items() if name != "of"}, **row["of"]}


def test_csv_and_json(tmp_path):
    write_table(tmp_path / "t.csv", iter(NESTED), COLUMNS, flatten)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[:2] == [list(COLUMNS), ["a,b\n", str(2**40), "0.5", "True", ""]]
    assert rows[2] == ["\\udcff.jpg", "", "", "False", "damaged"]
    write_table(tmp_path / "t.json", iter(NESTED), COLUMNS, flatten)
    assert json.loads((tmp_path / "t.json").read_text()) == NESTED
    write_table(tmp_path / "empty.json", [], COLUMNS, flatten)
    assert json.loads((tmp_path / "empty.json").read_text()) == []


def test_parquet(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(tables, "CHUNK", 2)
    write_table(tmp_path / "t.parquet", iter(NESTED), COLUMNS, flatten)
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert rows[0] == {"name": "a,b\n", "count": 2**40, "part": 0.5, "right": True, "error": None}
    assert [(row["name"], row["error"]) for row in rows[1:]] == [("\\udcff.jpg", "damaged"), ("c", None)]


def test_a_table_appears_whole_or_not_at_all(tmp_path):
    def rows():
        yield NESTED[0]
        raise InputError("The model is damaged.")

    for suffix in tables.SUFFIXES:
        with pytest.raises(InputError, match="The model is damaged"):
            write_table(tmp_path / f"t{suffix}", rows(), COLUMNS, flatten)
    assert list(tmp_path.iterdir()) == []


def test_an_output_is_checked_before_the_work(tmp_path, monkeypatch):
    with pytest.raises(OptionError, match="`output` must end in .csv or .json or .parquet, got 't.xlsx'; try 't.csv'"):
        check_table(tmp_path / "t.xlsx")
    (tmp_path / "t.csv").touch()
    with pytest.raises(InputError, match="t.csv exists; choose another `output`"):
        check_table(tmp_path / "t.csv")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        OptionError, match="`output` t.parquet needs pyarrow; install it with 'pip install pyarrow', or write a .csv"
    ):
        check_table(tmp_path / "t.parquet")


def test_text_for_the_screen():
    rows = [["run", "error"], ["a|b", None], ["c", 0.5]]
    assert csv_text(rows) == "run,error\na|b,\nc,0.5\n"
    assert list(markdown_lines(rows)) == ["| run | error |", "| --- | --- |", "| a\\|b |  |", "| c | 0.5 |"]
