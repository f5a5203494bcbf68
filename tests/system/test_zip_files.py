"""ZIP files that are opened, and those that are refused."""

import zipfile

import pytest

from alexnet_keras.system import zip_files
from alexnet_keras.system.errors import InputError


def test_a_good_archive_is_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1000))
    with zip_files.open_zip(tmp_path / "a.zip", 1000) as archive:
        assert archive.read("a") == bytes(1000)


@pytest.mark.parametrize(
    ("members", "method", "message"),
    [
        ({"a": bytes(600), "b": bytes(401)}, zipfile.ZIP_DEFLATED, "unpacks to 1,001 bytes, but at most 1,000 are exp"),
        ({"a": b""}, zipfile.ZIP_BZIP2, "is not compressed by deflate; pack it again with another program"),
        ({str(index): b"" for index in range(1001)}, zipfile.ZIP_STORED, "holds more than 1,000 files, which no model"),
    ],
)
def test_an_archive_that_could_fill_the_memory_is_refused(members, method, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=f"a.zip {message}"):
        zip_files.open_zip(tmp_path / "a.zip", 1000)


def test_a_member_that_is_larger_than_the_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"")
        archive.getinfo("a").compress_size = 2**31
    with pytest.raises(InputError, match="a.zip is damaged: it holds a file that is larger than itself; copy it again"):
        zip_files.open_zip(tmp_path / "a.zip", 1000)


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    for content in (b"", b"PK", bytes(100)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="a.zip is damaged: it is not a complete ZIP archive; copy it again"):
            zip_files.open_zip(path, 1000)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"")
    path.write_bytes(path.read_bytes().replace(zip_files.DIRECTORY_ENTRY, b"PK\x01\x09"))
    with pytest.raises(InputError, match="a.zip is damaged: Bad magic number for central directory; copy it again"):
        zip_files.open_zip(path, 1000)
