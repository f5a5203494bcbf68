"""Image files that are small but expensive to decode, drawn by code."""

import struct


def gif(size: tuple[int, int], frames: int, screen: tuple[int, int] = (2, 2), chain: int = 255) -> bytes:
    """Draw a GIF whose frames of height and width `size` are one color, in blocks of at most `chain` bytes.

    Each code of the LZW data stands for one pixel more than the code before it.
    """
    height, width = size
    codes, pixels, run = [4], height * width, 0  # 4 clears the table, 5 ends the data
    while pixels > 0:
        run += 1
        codes.append(0 if run == 1 else 4 + run)
        pixels -= run
        if run == 4090:  # the table is full
            codes, run = [*codes, 4], 0
    bits, filled, table, width_of_code = 0, 0, 6, 3
    for code in [*codes, 5]:
        bits |= code << filled
        filled += width_of_code
        table = 6 if code == 4 else table + 1
        width_of_code = 3 if code == 4 else max(width_of_code, min(12, (table - 1).bit_length()))
    data = bits.to_bytes(filled // 8 + 1, "little")
    chunks = [data[start : start + chain] for start in range(0, len(data), chain)]
    blocks = b"".join(bytes([len(chunk)]) + chunk for chunk in chunks) + b"\0"
    frame = b"," + struct.pack("<4HB", 0, 0, width, height, 0) + b"\2" + blocks
    palette = bytes.fromhex("c81e28") + bytes(9)
    return b"GIF89a" + struct.pack("<HH3B", screen[1], screen[0], 0x81, 0, 0) + palette + frame * frames + b";"


def progressive_jpeg(size: tuple[int, int], scans: int) -> bytes:
    """Draw a black JPEG whose `scans` each visit all coefficients of all blocks, in a few bytes."""
    height, width = size

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([255, marker]) + struct.pack(">H", len(body) + 2) + body

    def table(kind: int, symbol: int) -> bytes:  # whose only code has one bit
        return segment(0xC4, bytes([kind, 1, *[0] * 15, symbol]))

    blocks = -(-height // 8) * -(-width // 8)
    bits = ("0" + "1" * 14) * (blocks // 32767 + 1)  # each says that 32,767 blocks have no new coefficient
    bits += "1" * (-len(bits) % 8)
    runs = (int(bits, 2).to_bytes(len(bits) // 8, "big")).replace(b"\xff", b"\xff\0")
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, bytes(1) + bytes([1] * 64)),
            segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
            table(0x00, 0),
            table(0x10, 0xE0),
            segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8 + 1),
            (segment(0xDA, b"\1\1\0\1\x3f\x10") + runs) * (scans - 1),
            b"\xff\xd9",
        ]
    )


def webp(chunks: bytes, canvas: tuple[int, int], frame: tuple[int, int] | None = None, frames: int = 1) -> bytes:
    """Draw an animated WebP whose frames all have the same chunks, and declare the height and width of each `frame`."""

    def sides(size: tuple[int, int]) -> bytes:
        return b"".join((side - 1).to_bytes(3, "little") for side in reversed(size))

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    animated = chunk(b"ANMF", bytes(6) + sides(frame or canvas) + bytes(4) + chunks) * frames
    return chunk(b"RIFF", b"WEBP" + chunk(b"VP8X", b"\2\0\0\0" + sides(canvas)) + chunk(b"ANIM", bytes(6)) + animated)
