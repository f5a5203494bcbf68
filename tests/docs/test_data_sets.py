"""Every row of the tables of layouts, formats and columns on the page on data sets is true."""

import re

import pytest
import tensorflow as tf
from PIL import Image
from support import ROOT

from alexnet_keras.data import class_labels
from alexnet_keras.data.image_files import DECODED, SUFFIXES, UNREAD
from alexnet_keras.data.sources import tables
from alexnet_keras.data.sources.folders import VALIDATION
from alexnet_keras.data.sources.open_dataset import open_dataset

PAGE = (ROOT / "docs" / "reference" / "data_sets.md").read_text()
NOISE = Image.effect_noise((40, 30), 60)


def rows(header: str) -> list[list[str]]:
    """The cells of the table with this first line."""
    (body,) = re.findall(rf"^{re.escape(header)}\n\|[- |]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body.splitlines()]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("layout", "validation"), rows("| folders and files in it | validation images |"), ids=lambda cell: cell[:40]
)
def test_a_folder_of_this_layout_is_read(layout, validation, tmp_path):
    paths = quoted(layout)
    classes = class_labels.synsets()[:2] if "synset" in layout or "ILSVRC" in layout else ("cat", "dog")
    for path in paths:
        for name in classes if "<" in path else ("",):
            folder = tmp_path / re.sub(r"<(class|synset)>", name, path).replace("<any>", "a")
            if path.endswith("/"):
                folder.mkdir(parents=True)
                for number in range(1, 6):
                    NOISE.save(folder / f"ILSVRC2012_val_{number:08}.JPEG")
            else:
                lines = [f"ILSVRC2012_val_{number:08}.JPEG\t{classes[number % 2]}\t0\n" for number in range(1, 6)]
                folder.write_text("".join(lines))
    dataset = open_dataset(str(tmp_path))
    assert validation == ("divided" if dataset.division else "as they are")
    own = 5 * (2 if len(paths) > 1 and "<" in paths[1] else 1)
    assert (len(dataset.train), len(dataset.validation)) == ((8, 2) if dataset.division else (10, own))


def test_every_format_and_suffix_is_read(tmp_path):
    formats = {kind: quoted(suffixes) for kind, suffixes in rows("| format | suffixes |")}
    assert tuple(formats) == DECODED
    assert sorted(suffix for suffixes in formats.values() for suffix in suffixes) == sorted(SUFFIXES)
    for label, cased in (("cat", str.lower), ("dog", str.upper)):
        (tmp_path / label).mkdir()
        for kind, suffixes in formats.items():
            for suffix in suffixes:
                NOISE.save(tmp_path / label / f"x{cased(suffix)}", kind)
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.train) + len(dataset.validation) == 2 * len(SUFFIXES)
    for split in (dataset.train, dataset.validation):
        for index in range(len(split)):
            assert split.pixels(tf.constant(index, tf.int64)).shape == (256, 256, 3)


def test_every_other_kind_is_named():
    (sentence,) = re.findall(r"says how to\s+convert or download it: (.*?)\.\s", PAGE, re.DOTALL)
    assert all(kind in sentence for kind in UNREAD)


def test_every_name_of_a_column_is_known():
    for role, names in rows("| column | usual names |"):
        assert set(quoted(names)) <= set(tables.COLUMNS[quoted(role)[0].split()[0]])
    (order,) = re.findall(r"If several of the folders (.*?) have class", PAGE, re.DOTALL)
    assert tuple(quoted(order)) == VALIDATION
