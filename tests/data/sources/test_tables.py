"""Tables of images as spreadsheets, pandas and competitions write them, and why others cannot be used."""

import os
import sys
from pathlib import Path

import pytest
from PIL import Image
from support import cli, only_error
from support.class_folders import draw

from alexnet_keras.config.training import DataSource
from alexnet_keras.data.sources import tables
from alexnet_keras.data.sources.open_dataset import absolute_source, open_dataset
from alexnet_keras.system.errors import InputError, OptionError

ROWS = [("images/a.png", "cat"), ("images/b.PNG", "cat"), ("images/deep/c.jpg", "dog"), ("d.jpg", "dog")]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images" / "deep").mkdir(parents=True)
    for name, _ in ROWS:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def write(root: Path, header: str, rows, delimiter: str = ",", name: str = "labels.csv") -> str:
    lines = [header, *(delimiter.join(map(str, row)) for row in rows)]
    (root / name).write_text("".join(f"{line}\n" for line in lines))
    return str(root / name)


def found(source) -> dict[str, str]:
    """The label of each image of a table."""
    dataset = open_dataset(source)
    labels = {
        Path(name).name: dataset.class_names[label]
        for split in (dataset.train, dataset.validation)
        for name, label in zip(split.names, split.labels, strict=True)
    }
    assert len(labels) == len(dataset.train) + len(dataset.validation)
    return labels


RIGHT = {"a.png": "cat", "b.PNG": "cat", "c.jpg": "dog", "d.jpg": "dog"}


@pytest.mark.parametrize(
    ("header", "delimiter", "row"),
    [
        ("file,label", ",", lambda index, file, label: (file, label)),
        ("File Name;Class", ";", lambda index, file, label: (file, label)),
        ("label\tpath", "\t", lambda index, file, label: (label, file)),
        (",filename,breed", ",", lambda index, file, label: (index, file, label)),  # pandas with its index
        ("id,notes,species", ",", lambda index, file, label: (os.path.splitext(file)[0], '"1, 2"', label)),
        ("image,target", ",", lambda index, file, label: (file.replace("/", "\\"), f" {label} ")),
    ],
)
def test_columns_and_delimiters_are_found(header, delimiter, row, root):
    path = write(root, header, [row(index, *pair) for index, pair in enumerate(ROWS)], delimiter)
    assert found(path) == RIGHT
    assert open_dataset(path).name == "labels"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_tables_of_spreadsheets(encoding, root):
    path = Path(write(root, "file,label", [(name, label.replace("o", "ö")) for name, label in ROWS]))
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    assert set(found(str(path)).values()) == {"cat", "dög"}


def test_columns_can_be_named(root):
    path = write(root, "x,z,split,id", [(file, label, "none", 7) for file, label in ROWS])
    with pytest.raises(InputError, match="has no column for the label"):
        open_dataset(DataSource(name=path, columns="file=x"))
    assert found(DataSource(name=path, columns="file=x,label=z,split=none")) == RIGHT


def test_a_table_may_say_its_split(root):
    rows = [(*row, split) for row, split in zip(ROWS, ("Train", "val", "train", "val"), strict=True)]
    path = write(root, "file,label,split", rows)
    dataset = open_dataset(path)
    assert [Path(name).name for name in dataset.train.names] == ["a.png", "c.jpg"]
    assert (list(dataset.validation.labels), dataset.division) == ([1, 0], "")
    message = "`fold` 1/2: .*labels.csv has its own validation images; omit `fold`, or pass `columns=split=none`"
    with pytest.raises(OptionError, match=message):
        open_dataset(DataSource(name=path, fold="1/2"))
    divided = open_dataset(DataSource(name=path, fold="1/2", columns="split=none"))
    assert (len(divided.train), divided.division) == (2, "fold 1 of 2 is for validation, split seed 0")


def test_numbers_are_classes_in_their_order(root):
    rows = [(file, number) for (file, _), number in zip(ROWS, (10, 10, 9, 9), strict=True)]
    assert open_dataset(write(root, "file,label", rows)).class_names == ("9", "10")


def test_repeated_rows_are_counted(root):
    dataset = open_dataset(write(root, "file,label", [*ROWS, ROWS[0], ("images/../d.jpg", "dog")]))
    assert dataset.division == "0.2 of each class is for validation, split seed 0; 2 repeated rows are ignored"
    assert len(dataset.train) + len(dataset.validation) == 4


def without_label(root):
    return write(root, "image,a,b", [(file, 1, 0) for file, _ in ROWS]), (
        r"has no column for the label \(label, labels, class, ...\) in its first line, only 'image', 'a', 'b'; "
        "name one by `columns=label=NAME`"
    )


def without_header(root):
    return write(root, "images/a.png,cat", ROWS), "has no column for the file .*, only 'images/a.png', 'cat'; name one"


def empty(root):
    return write(root, "", []), "has no column for the file .* only none"


def empty_label(root):
    return write(root, "file,label", [*ROWS, ("e.png", " ")]), "labels.csv has no label in line 6; add it or remove"


def short_row(root):
    return write(root, "file,label", [*ROWS, ("e.png",)]), "labels.csv has no label in line 6"


def outside(root):
    return write(root, "file,label", [*ROWS, ("../x.png", "cat")]), (
        r"names '../x.png' in line 6, which is outside of its folder; move the table to a folder that holds all images"
    )


def absolute(root):
    return write(root, "file,label", [*ROWS, ("/etc/passwd", "cat")]), "names '/etc/passwd' in line 6, which is outside"


def missing_files(root):
    return write(root, "file,label", [*ROWS, ("no/x.png", "cat"), ("y.png", "cat"), ("\0", "cat")]), (
        "names 3 files that do not exist, the first in line 6: 'no/x.png'; paths are relative to the table"
    )


def long_name(root):
    return write(root, "file,label", [*ROWS, ("x" * 5000, "cat")]), "names 1 files that do not exist, .* 'xxx.* ... xxx"


def two_labels(root):
    return write(root, "file,label", [*ROWS, ("images/a.png", "dog")]), (
        "has 'images/a.png' twice with different labels or splits, in the lines 2 and 6; remove one of them"
    )


def a_pipe(root):
    os.mkfifo(root / "pipe.png")
    return write(root, "file,label", [*ROWS, ("pipe.png", "cat")]), "pipe.png is a named pipe, not a regular file"


def a_folder(root):
    return write(root, "file,label", [*ROWS, ("images", "cat")]), "images is a folder, not a regular file"


def another_split(root):
    return write(root, "file,label,set", [(*row, "A") for row in ROWS]), (
        "has the split 'A' in line 2, which is none of train, training, val, .*; correct it, or pass "
        "`columns=split=none`"
    )


def no_training(root):
    return write(root, "file,label,split", [(*row, "val") for row in ROWS]), "has no row for training; add some"


def class_in_one_split(root):
    rows = [(*row, split) for row, split in zip(ROWS, ("train", "val", "train", "train"), strict=True)]
    return write(root, "file,label,split", rows), "its split 'val' lacks the class 'dog'; every class needs images"


def one_class(root):
    return write(
        root, "file,label", [(file, "cat") for file, _ in ROWS]
    ), "labels.csv has only the class 'cat'; a class"


def rare_class(root):
    return write(root, "file,label", ROWS[:-1]), "class 'dog' of .* has 1 image.*, fewer than the 2 that a training and"


def line_break(root):
    rows = [(file, label.replace("cat", '"c\nat"')) for file, label in ROWS]
    return write(root, "file,label", rows), r"labels has a class named 'c\\nat'; rename it in UTF-8 without control"


def latin1(root):
    path = Path(write(root, "file,label", [*ROWS, ("e.png", "é")]))
    path.write_bytes(path.read_text().encode("latin-1"))
    return str(path), r"labels.csv is not in UTF-8 \(see line 6\); save it as 'CSV UTF-8'"


def huge_field(root):
    return write(root, "file,label", [*ROWS, ("e.png", "x" * 200_000)]), (
        r"labels.csv cannot be read in line 6 \(field larger than field limit \(131072\)\); check the file"
    )


def huge_header(root):
    return write(
        root, "x" * 200_000, ROWS
    ), r"labels.csv is no table \(field larger than field limit .*; check the file"


def huge_table(root):
    path = root / "labels.csv"
    with path.open("wb") as file:
        file.truncate(tables.TABLE_BYTES + 1)
    return str(path), "labels.csv has 268,435,457 bytes, but at most 268,435,456 are expected; check the file"


def named_pipe(root):
    os.mkfifo(root / "labels.csv")
    return str(root / "labels.csv"), "labels.csv is a named pipe, not a regular file"


def no_table(root):
    return str(root / "none.csv"), r"none.csv cannot be read \(No such file or directory\); check the path"


DAMAGES = [
    *(without_label, without_header, empty, empty_label, short_row, outside, absolute, missing_files, long_name),
    *(two_labels, a_pipe, a_folder, another_split, no_training, class_in_one_split, one_class, rare_class, line_break),
    *(latin1, huge_field, huge_header, huge_table, named_pipe, no_table),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_table_that_cannot_be_used_says_why(damage, root):
    path, message = damage(root)
    with pytest.raises(InputError, match=message) as error:
        open_dataset(path)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("file=x", r"`columns` file='x': the columns of .*labels.csv are 'file', 'label'"),
        ("photo", "`columns` must be such as file=photo,label=species,split=none, got 'photo'"),
        ("name=file", "`columns` must be such as"),
        ("", None),
    ],
)
def test_wrong_columns_are_refused(columns, message, root):
    source = DataSource(name=write(root, "file,label", ROWS), columns=columns)
    if message is None:
        assert found(source) == RIGHT
        return
    with pytest.raises(OptionError, match=message):
        open_dataset(source)


def test_the_command_line_reads_a_table(root, monkeypatch):
    path = write(root, "x,y", ROWS, name="pets.CSV")
    result = cli("data", "check", "--data", path, "--columns", "file=x,label=y", "--json")
    assert (result.json["name"], result.json["class_names"]) == ("pets", ["cat", "dog"])
    message = only_error(cli("data", "check", "--data", path))
    assert "name one by --columns file=NAME" in message
    monkeypatch.chdir(root)
    assert absolute_source("pets.CSV") == str(Path(path).resolve())


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes UTF-8 only")
def test_a_row_cannot_name_a_file_that_is_not_utf8(root):
    (root / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    assert found(write(root, "file,label", ROWS)) == RIGHT


def test_tiny_imagenet_as_it_is_unzipped(tmp_path):
    root = tmp_path / "tiny-imagenet-200"
    for synset in ("n01443537", "n01629819"):
        draw(root / "train" / synset / "images" / f"{synset}_0.JPEG", "JPEG")
        (root / "train" / synset / f"{synset}_boxes.txt").write_text("")
    for index in range(3):
        draw(root / "val" / "images" / f"val_{index}.JPEG", "JPEG")
    draw(root / "test" / "images" / "test_0.JPEG", "JPEG")
    table = root / "val" / "val_annotations.txt"
    lines = [f"val_{index}.JPEG\tn0{(1443537, 1629819)[index % 2]}\t0\t32\t44\t62\n" for index in range(3)]
    table.write_text("".join(lines))
    dataset = open_dataset(str(root))
    assert dataset.class_names == ("n01443537", "n01629819")
    assert (list(dataset.train.labels), list(dataset.validation.labels)) == ([0, 1], [0, 1, 0])
    assert dataset.ignored_files() == "2 files are ignored (2 .txt): convert images among them to JPEG or PNG"
    table.write_text(lines[1])
    with pytest.raises(InputError, match="val_annotations.txt lacks the class 'n01443537'"):
        _ = open_dataset(str(root)).validation
