"""Every picture of the documentation is small, and a page shows it with a command that draws it."""

import re

from support import ROOT

PICTURES = sorted((ROOT / "docs" / "pictures").iterdir())
PAGES = [page.read_text() for page in [ROOT / "docs" / "results.md", *sorted((ROOT / "docs" / "how_to").glob("*.md"))]]


def test_the_pictures_are_small():
    assert PICTURES
    for picture in PICTURES:
        assert picture.stat().st_size < 200_000, picture


def test_a_page_shows_every_picture_after_its_command():
    for picture in PICTURES:
        shown = re.compile(rf"```\{{image\}} (?:\.\./)?pictures/{picture.name}\n")
        (page,) = (page for page in PAGES if shown.search(page))
        before, after = shown.split(page)
        section = before.rsplit("## ", 1)[-1]
        names = (f"figures {picture.stem.partition('_')[0]}", f"reproduce {picture.stem}", picture.stem)
        commands = (f"alexnet-keras {name} " for name in names)
        assert any(command in section for command in (*commands, f"--screenshot={picture.name} ")), picture
        assert re.match(r":alt: \w.{40}", after), picture


def test_the_first_page_names_the_command_of_its_picture():
    _, after = (ROOT / "docs" / "index.md").read_text().split("```{image} pictures/filters.png\n")
    assert "alexnet-keras figures filters " in after.split("\n- ")[0]
