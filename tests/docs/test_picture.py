"""Every picture of the documentation is small, and a page shows it with a command that draws it."""

import re

from support import ROOT

PICTURES = sorted((ROOT / "docs" / "pictures").iterdir())
PAGE = (ROOT / "docs" / "how_to" / "figures.md").read_text()


def test_the_pictures_are_small():
    assert PICTURES
    for picture in PICTURES:
        assert picture.stat().st_size < 200_000, picture


def test_a_page_shows_every_picture_after_its_command():
    for picture in PICTURES:
        before, _, after = PAGE.partition(f"```{{image}} ../pictures/{picture.name}\n")
        assert f"alexnet-keras figures {picture.stem} " in before.rsplit("## ", 1)[-1], picture
        assert re.match(r":alt: \w.{40}", after), picture
