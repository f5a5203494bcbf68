"""Find the size, the first frame and the EXIF data of a WebP before it is decoded.

A WebP is a RIFF: chunks of a name, a length and data, the first of which has the size. A frame of an animation is a
chunk with a header and chunks of its own.
"""

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHUNKS = 10_000  # those behind are ignored, for the same reason as GIFs have `image_files.MAX_GIF_FRAME`
FRAME_HEADER = 16  # bytes: four numbers of three bytes, the duration and flags


@dataclass(frozen=True)
class Still:
    """What `decode` needs of a WebP.

    Attributes:
        top, left: where the first frame of an animation lies in the image.
        encoded: a WebP of the first frame alone, because the decoder would allocate memory for all frames.
    """

    height: int
    width: int
    top: int
    left: int
    encoded: bytes
    exif: bytes


def first_frame(encoded: bytes) -> Still:
    """Read a WebP without decoding it.

    Raises:
        ValueError: it is incomplete, or a frame lies outside the image.
    """
    (length,) = struct.unpack_from("<I", encoded.ljust(8, b"\0"), 4)
    chunks = list(itertools.islice(_chunks(encoded[12 : length + 8]), MAX_CHUNKS if length + 8 <= len(encoded) else 0))
    try:
        height, width = _size(*chunks[0])
        exif = b"".join(data.removeprefix(b"Exif\0\0") for name, data in chunks if name == b"EXIF")
        if chunks[0][0] != b"VP8X" or not chunks[0][1][0] & 2:  # no animation
            return Still(height, width, 0, 0, encoded, exif)
        frame = next(data for name, data in chunks if name == b"ANMF")
        left, top, columns, rows = _numbers(frame, 0, 4)
    except (IndexError, StopIteration, struct.error) as error:
        raise ValueError("the first frame is incomplete") from error
    if 2 * top + rows + 1 > height or 2 * left + columns + 1 > width:
        raise ValueError("the first frame lies outside the image")
    header = b"\x10\0\0\0" + frame[6:12]  # it may have alpha; its width and height
    content = b"WEBPVP8X" + struct.pack("<I", len(header)) + header + frame[FRAME_HEADER:]
    return Still(height, width, 2 * top, 2 * left, b"RIFF" + struct.pack("<I", len(content)) + content, exif)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start < len(content):
        name, length = struct.unpack_from("<4sI", content.ljust(start + 8, b"\0"), start)
        if start + 8 + length > len(content):
            return  # what is incomplete is missing
        yield name, content[start + 8 : start + 8 + length]
        start += 8 + length + length % 2


def _numbers(data: bytes, start: int, count: int) -> list[int]:
    return [int.from_bytes(part, "little") for part in struct.unpack_from("3s" * count, data, start)]


def _size(name: bytes, data: bytes) -> tuple[int, int]:
    """Read height and width from the first chunk."""
    if name == b"VP8X":
        width, height = _numbers(data, 4, 2)
        return height + 1, width + 1
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 1)
        return (bits >> 14) % 2**14 + 1, bits % 2**14 + 1
    width, height = struct.unpack_from("<2H", data, 6)
    return height % 2**14, width % 2**14
