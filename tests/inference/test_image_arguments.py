"""Words that stand for images: files, folders, patterns, lists and standard input."""

import io
import os
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from alexnet_keras.inference import image_arguments
from alexnet_keras.inference.image_arguments import images_of_word
from alexnet_keras.system.errors import InputError, OptionError


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos/b.jpg", "photos/a.PNG", "photos/inner/c.jpeg", "photos/notes.txt", "photos/.hidden/d.jpg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("photos/b.jpg", ["photos/b.jpg"]),
        ("absent.jpg", ["absent.jpg"]),  # its result has the error
        ("photos", ["photos/a.PNG", "photos/b.jpg", "photos/inner/c.jpeg"]),
        ("photos/*.jpg", ["photos/b.jpg"]),
        ("photos/*", ["photos/a.PNG", "photos/b.jpg", "photos/notes.txt"]),
        ("photos/**/*.jp*g", ["photos/b.jpg", "photos/inner/c.jpeg"]),
    ],
)
def test_files_folders_and_patterns(word, found):
    assert images_of_word(word, Counter()) == list(map(Path, found))


@pytest.mark.usefixtures("photos")
def test_a_name_with_the_signs_of_a_pattern_is_a_name():
    Path("photo[1].jpg").touch()
    assert images_of_word("photo[1].jpg", Counter()) == [Path("photo[1].jpg")]


@pytest.mark.parametrize(
    "content",
    [b"a.jpg\nb c.jpg\n", b"\xef\xbb\xbfa.jpg\r\n\r\nb c.jpg\r\n", b"a.jpg\0b c.jpg\0"],
    ids=["lines", "from Windows", "find -print0"],
)
def test_lists_in_a_file_and_on_standard_input(content, tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_bytes(content)
    expected = [Path("a.jpg"), Path("b c.jpg")]
    assert images_of_word(f"@{tmp_path / 'list.txt'}", Counter()) == expected
    standard_input(monkeypatch, content)
    assert images_of_word("@-", Counter()) == expected


def test_an_image_on_standard_input(monkeypatch):
    standard_input(monkeypatch, b"image")
    assert images_of_word("-", Counter()) == [b"image"]
    monkeypatch.setattr(image_arguments, "IMAGE_BYTES", 4)
    standard_input(monkeypatch, b"image")
    with pytest.raises(InputError, match="Standard input has more than 4 bytes; give the files by their paths"):
        images_of_word("-", Counter())


def test_images_of_a_folder_that_must_not_be_opened_are_listed(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")  # `classify` answers with the reason
    assert images_of_word(str(tmp_path), Counter()) == [tmp_path / "pipe.jpg"]


def test_nothing_found_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"No file matches the pattern \*.jpg; check it"):
        images_of_word("*.jpg", Counter())
    Path("empty").mkdir()
    with pytest.raises(InputError, match="The folder empty holds no image and no model; name a folder with images, or"):
        images_of_word("empty", Counter())
    Path("empty/photo.HEIC").touch()
    with pytest.raises(InputError, match="no model, only 1 .heic: convert images among them to JPEG or PNG; name a"):
        images_of_word("empty", Counter())
    Path("empty.txt").touch()
    with pytest.raises(InputError, match="@empty.txt lists no image; write one path on each line"):
        images_of_word("@empty.txt", Counter())
    with pytest.raises(InputError, match="absent.txt cannot be read"):
        images_of_word("@absent.txt", Counter())
