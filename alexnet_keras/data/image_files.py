"""What image files are, by their headers: kinds, sizes, limits, and why an image is refused."""

import contextlib
import re
import struct
from collections.abc import Iterator

from alexnet_keras.data import webp

MAX_PIXELS = 2**26  # 8192 x 8192, 201 MB in RGB: more than the cameras of ImageNet's time, and it fits in memory
MIN_SIDE = 2  # pixels; images with a side of one pixel are tracking pixels or broken thumbnails
# Pixels times scans of a JPEG: 4 seconds at 4 ns a pixel. A progressive photograph has 10 scans, in CMYK 18. 16 scans
# of the largest image fit, and 5,000 of a photograph of ImageNet.
MAX_SCANNED_PIXELS = 2**30
EXIF, PNG_EXIF = b"Exif\0\0", b"eXIf"  # what EXIF data follow
MAX_GIF_FRAME = 2**24  # bytes up to the end of the first frame, which take at most 2 seconds if they are empty blocks
JPEG, GIF, PNG = b"\xff\xd8\xff", b"GIF8", b"\x89PNG\r\n\x1a\n"
KIND_BYTES = 512  # are enough for `kind_of`
SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp")  # of the kinds that `decode` reads
DECODED = ("JPEG", "PNG", "GIF", "BMP", "WebP")  # the kinds of `kind_of` that `decode` reads
# A text that begins with a tag, behind a declaration of XML and comments.
MARKUP = rb"(?i:(\xef\xbb\xbf)?\s*(<\?xml.*?\?>\s*)?(<!--.*?-->\s*)*(<!doctype\s+|<)%s[\s>])"
SIGNATURES = (  # regular expressions
    (JPEG, "JPEG"),
    (PNG, "PNG"),
    (GIF, "GIF"),
    (b"RIFF....WEBP", "WebP"),
    (b"BM............[\x0c-\x7f]\0\0\0", "BMP"),  # the size of the second header tells it from text
    (b"....ftyp(avi[fs]|mi[fa]1....(....)*?avif)", "AVIF"),
    (b"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIC"),
    (b"II[*+]\0|MM\0[*+]", "TIFF"),
    (b"\0\0\0\x0cJXL |\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"version https://git-lfs", "Git LFS"),
    (MARKUP % b"svg", "SVG"),
    (MARKUP % b"(html|head|body)", "HTML"),
)
INCOMPLETE = "is not a complete JPEG, PNG, GIF, BMP or WebP image"
CONVERT = "image, which is not read: convert it to JPEG or PNG"
# What kinds that are not read are, and what to do, as phrases that follow the name of the file in a message.
UNREAD = {
    "AVIF": f"an AVIF {CONVERT}, for example with Pillow 11.3 or newer",
    "HEIC": f"a HEIC {CONVERT}, for example with Pillow and pillow-heif",
    "TIFF": f"a TIFF or raw camera {CONVERT}, for example with Pillow",
    "JPEG XL": f"a JPEG XL {CONVERT}",
    "JPEG 2000": f"a JPEG 2000 {CONVERT}, for example with Pillow",
    "Photoshop": f"a Photoshop {CONVERT}",
    "PDF": "a PDF document: export its pages as images",
    "Git LFS": "a Git LFS pointer instead of the image: run `git lfs pull` in its repository",
    "SVG": "an SVG drawing: render it as PNG",
    "HTML": "an HTML page, which a server sent instead of the image: download the image again",
}
SCAN = b"\xff\xda\x00"  # the marker of a scan and the upper byte of its length; the decoder rejects lengths above 14
HEADERS, END = (0xC0, 0xC1, 0xC2), 0xD9  # second bytes of markers of a JPEG: two sequential kinds, a progressive one
# Besides these: scans, the tables of Huffman codes and of quantization, the restart interval, comments, applications.
KNOWN_SEGMENTS = {*HEADERS, END, SCAN[1], 0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
SEGMENT = re.compile(rb"\xff([^\0\xff\xd0-\xd7])", re.DOTALL)  # a marker that is neither data nor a restart
MAX_SEGMENTS = 10_000  # of a JPEG or PNG that Python looks at; more would take seconds


def kind_of(head: bytes) -> str | None:
    """Tell what kind of file begins with `head`, the first `KIND_BYTES` bytes or more.

    Returns:
        One of `DECODED`, a key of `UNREAD`, or `None` for anything else.
    """
    head = head[:KIND_BYTES]
    return next((kind for signature, kind in SIGNATURES if re.match(signature, head, re.DOTALL)), None)


def jpeg_segments(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Yield the second byte of the marker of each segment of a JPEG up to its end, and where the segment's length is.

    Raises:
        ValueError: something else than a segment, a scan or a restart marker is between them, the end is missing, or
            there are more than `MAX_SEGMENTS`.
    """
    start, marker = 2, 0
    for _ in range(MAX_SEGMENTS):
        found = (SEGMENT.search if marker == SCAN[1] else SEGMENT.match)(encoded, start)
        if found is None or found[1][0] not in KNOWN_SEGMENTS:
            break
        marker, start = found[1][0], found.end()
        yield marker, start
        if marker == END:
            return
        start += int.from_bytes(encoded[start : start + 2], "big")
    raise ValueError("a segment is damaged")


def jpeg_header(encoded: bytes) -> tuple[int, int, tuple[int, ...]]:
    """Read the header of a JPEG with eight bits a sample, sequential or progressive.

    Returns:
        Height, width, and for each component its sampling factors, in four bits each.

    Raises:
        ValueError: there is none.
    """
    for marker, start in jpeg_segments(encoded):
        if marker in HEADERS:
            with contextlib.suppress(IndexError, struct.error):
                bits, height, width, components = struct.unpack_from(">BHHB", encoded, start + 2)
                if bits == 8:
                    return height, width, tuple(encoded[start + 9 + 3 * index] for index in range(components))
        if marker == SCAN[1]:
            break
    raise ValueError("the header is incomplete")


def size_of(encoded: bytes) -> tuple[int, int]:
    """Read the height and width of an image of a kind in `DECODED` from its header.

    Raises:
        ValueError: the header is incomplete.
    """
    kind = kind_of(encoded)
    if kind == "GIF":
        return gif_first_frame(encoded)[:2]
    if kind in ("PNG", "BMP"):
        try:
            width, height = struct.unpack_from(*((">2I", encoded, 16) if kind == "PNG" else ("<2i", encoded, 18)))
        except struct.error as error:
            raise ValueError("the header is incomplete") from error
        return abs(height), abs(width)  # a negative height in a BMP means that rows go from top to bottom
    if kind == "WebP":
        still = webp.first_frame(encoded)
        return still.height, still.width
    return jpeg_header(encoded)[:2]


def check_size(height: int, width: int) -> None:
    """Raise `ValueError` if an image has too many pixels, or too short a side."""
    if height * width > MAX_PIXELS or min(height, width) < MIN_SIDE:
        raise ValueError(f"{width} x {height} pixels")


def gif_first_frame(encoded: bytes) -> tuple[int, int, int]:
    """Find the first frame of a GIF behind its palette and its extensions.

    Returns:
        The height and width that the decoder allocates, which is the larger of screen and frame, and where the frame
        ends. Whatever follows must be cut off, because the decoder allocates memory for all frames.

    Raises:
        ValueError: the frame is incomplete, or ends after `MAX_GIF_FRAME` bytes.
    """

    def palette(index: int) -> int:
        return 6 << encoded[index] % 8 if encoded[index] >= 128 else 0

    def behind_blocks(index: int) -> int:
        while encoded[index]:
            index += 1 + encoded[index]
        return index + 1

    encoded = encoded[:MAX_GIF_FRAME]
    try:
        start = 13 + palette(10)
        while encoded[start] == 0x21:  # an extension: this byte, its kind, and blocks
            start = behind_blocks(start + 2)
        (screen, frame) = (struct.unpack_from("<2H", encoded, index) for index in (6, start + 5))
        if encoded[start] == 0x2C:
            width, height = map(max, screen, frame)
            return height, width, behind_blocks(start + 11 + palette(start + 9))
    except (IndexError, struct.error):
        pass
    raise ValueError("the first frame is incomplete")


def why_refused(encoded: bytes) -> str:
    """Return why `decode` refuses an image, as a phrase that follows the image's name in a message."""
    if not encoded:
        return "is empty"
    kind = kind_of(encoded)
    if kind is None:
        return INCOMPLETE
    if kind in UNREAD:
        return f"is {UNREAD[kind]}"
    with contextlib.suppress(ValueError):
        height, width = size_of(encoded)
        if height * width > MAX_PIXELS:
            return f"has {width:,} x {height:,} pixels, more than the limit of {MAX_PIXELS:,}"
        if 0 < min(height, width) < MIN_SIDE:
            return f"has {width} x {height} pixels, and each side needs at least {MIN_SIDE}"
        scans = encoded.count(SCAN)
        if encoded.startswith(JPEG) and scans * height * width > MAX_SCANNED_PIXELS:
            return (
                f"has {scans:,} scans of {width:,} x {height:,} pixels, together more than the limit of "
                f"{MAX_SCANNED_PIXELS:,}"
            )
    return INCOMPLETE
