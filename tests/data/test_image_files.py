"""The kind of a file is told by its first bytes, and every kind that is not read has a remedy."""

import pytest
from support.encoded_images import encode

from alexnet_keras.data.image_files import DECODED, INCOMPLETE, UNREAD, kind_of, why_refused


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((encode(kind.upper()), kind) for kind in (*DECODED, "AVIF", "TIFF")),
        (encode("JPEG2000"), "JPEG 2000"),
        (encode("TIFF", big_tiff=True), "TIFF"),
        (b"MM\0*" + bytes(30), "TIFF"),
        (encode("PDF"), "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp41", None),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "SVG"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"', "SVG"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE HTML><html>", "HTML"),
        (b"<html>\r\n<head><title>403 Forbidden</title></head>", "HTML"),
        (b"BM is a text, not an image.....", None),
        (b"RIFF....WAVE", None),
        (b"html is text", None),
        (b"", None),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_first_bytes(content, kind):
    assert kind_of(content) == kind
    if kind in UNREAD:
        assert why_refused(content) == f"is {UNREAD[kind]}"
    elif kind is None and content:
        assert why_refused(content) == INCOMPLETE


def test_every_kind_that_is_not_read_has_a_remedy():
    assert why_refused(b"<html>").startswith("is an HTML page, which a server sent instead of the image: download")
    assert all(": " in phrase for phrase in UNREAD.values())
