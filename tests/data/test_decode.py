"""Formats are recognized by the first bytes of a file."""

import io

import pytest
from PIL import Image

from alexnet_keras.data.decode import DECODED, KIND_BYTES, kind_of


@pytest.mark.parametrize("kind", DECODED)
def test_every_decoded_format_is_recognized(kind):
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, kind)
    assert kind_of(content.getvalue()[:KIND_BYTES]) == kind


@pytest.mark.parametrize("head", [b"", b"BM is a text, not an image.....", b"RIFF....WAVE", b"<html>"])
def test_other_files_are_not_taken_for_images(head):
    assert kind_of(head) is None
