"""Images are found by suffix or content at any depth; files of systems and files that are no images are not."""

import os

import numpy as np
import pytest
from support import draw_folder
from support.class_folders import draw, draw_classes

from alexnet_keras.data import check
from alexnet_keras.data.image_files import SUFFIXES
from alexnet_keras.data.sources.open_dataset import open_dataset
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import IMAGE_BYTES


def test_images_lie_below_their_class_at_any_depth(tmp_path):
    root = draw_classes(tmp_path / "d", 2)
    draw(root / "cat" / "a" / "b" / "c.png")
    (root / "cat" / "a" / "loop").symlink_to(root / "cat")
    (root / "dog" / "linked").symlink_to(tmp_path / "elsewhere")
    draw(tmp_path / "elsewhere" / "1.png")
    dataset = open_dataset(str(root))
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    assert np.bincount(labels).tolist() == [3, 3]


def test_files_of_systems_are_skipped_in_silence(tmp_path):
    root = draw_classes(tmp_path / "d", 2)
    for name in ("__MACOSX/cat/._0.jpg", "@eaDir/x.png", ".ipynb_checkpoints/x.png", "lost+found/x.png"):
        draw(root / name)
        draw(root / "cat" / name)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.jpg"):
        (root / "cat" / name).write_bytes(b"\xff\xd8\xff")
    dataset = open_dataset(str(root))
    assert (len(dataset.train), len(dataset.validation), dataset.ignored_files()) == (2, 2, "")


def test_every_suffix_in_any_case_and_images_without_one_are_taken(tmp_path):
    root = draw_classes(tmp_path / "d", 2)
    kinds = {".bmp": "BMP", ".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}
    assert set(kinds) < set(SUFFIXES)
    for suffix in SUFFIXES:
        draw(root / "cat" / f"lower{suffix}", kinds.get(suffix, "JPEG"))
        draw(root / "cat" / f"upper{suffix.upper()}", kinds.get(suffix, "JPEG"))
    for name in ("photo", "photo.jpg_large", "photo.heic", "photo.jpg~"):
        draw(root / "cat" / name, "JPEG")
    dataset = open_dataset(str(root))
    assert len(dataset.train) + len(dataset.validation) == 4 + 2 * len(SUFFIXES) + 4
    assert not dataset.ignored


def test_a_folder_that_may_not_be_read(pets, monkeypatch):
    monkeypatch.setattr(os, "scandir", lambda folder: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(InputError, match=r"pets cannot be read \(Permission denied\); check its permissions"):
        open_dataset(str(pets))


def test_a_folder_ignores_what_is_no_image(tmp_path):
    root = draw_folder(tmp_path / "d")
    (root / "train" / "red" / "notes.txt").write_text("x")
    (root / "train" / "red" / "._0.jpg").write_text("x")
    (root / "train" / ".cache").mkdir()
    (root / "train" / "README.md").write_text("x")
    assert len(open_dataset(str(root)).train) == 12


def pipe(path):
    os.mkfifo(path)
    return "is a named pipe, not a regular file; copy its content into a file"


def device(path):
    path.symlink_to("/dev/zero")
    return "is a device, not a regular file; copy its content into a file"


def large(path):
    with path.open("wb") as file:
        file.truncate(IMAGE_BYTES + 1)
    return "has 268,435,457 bytes, but at most 268,435,456 are expected; check the file"


@pytest.mark.parametrize("make", [pipe, device, large])
def test_images_that_have_no_end_or_are_large_are_never_opened(make, tmp_path):
    root = draw_folder(tmp_path / "d")
    message = make(root / "train" / "red" / "x.jpg")
    with pytest.raises(InputError, match=f"train/red/x.jpg {message}"):
        _ = open_dataset(str(root)).train


def test_a_loop_of_links_is_one_unreadable_image_and_no_class(tmp_path):
    root = draw_folder(tmp_path / "d")
    (root / "train" / "red" / "loop.jpg").symlink_to("loop.jpg")
    (root / "train" / "loop").symlink_to("loop")
    result = check.check(open_dataset(str(root)), 2)
    assert result.train.unreadable == [
        {"image": str(root / "train" / "red" / "loop.jpg"), "reason": "cannot be read from the disk"}
    ]
