"""Damage bytes at random: what bad disks, bad copies and bad people do to a file."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
JSON_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, float("nan"), float("inf"), "", "x", "\x1b]0;title\x07", "\u2028", [], {}, [[]],
    {"a": 1}, [1, "x", None], "9" * 400,
)  # fmt: skip


def flip_bits(data: bytes, random: Random, other: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8, 64))):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def truncate(data: bytes, random: Random, other: bytes) -> bytes:
    return data[: random.choice((0, 1, random.randrange(len(data)), random.randrange(len(data)), len(data) - 1))]


def insert(data: bytes, random: Random, other: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.choice((1, 2, 64, 4096))) + data[place:]


def remove(data: bytes, random: Random, other: bytes) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + data[place + random.choice((1, 2, 64, 4096)) :]


def splice(data: bytes, random: Random, other: bytes) -> bytes:
    """Replace a block by one from elsewhere in the file or from another file."""
    source = random.choice((data, other))
    size = random.choice((4, 64, 512, 4096))
    start, place = random.randrange(max(1, len(source) - size)), random.randrange(len(data))
    return data[:place] + source[start : start + size] + data[place + size :]


def change_length(data: bytes, random: Random, other: bytes) -> bytes:
    """Replace a number that could be a length or an offset: small, little or big endian, not zero."""
    for _ in range(200):
        form = random.choice(("<I", "<Q", ">I", ">H", "<H"))
        size = struct.calcsize(form)
        place = random.randrange(max(1, len(data) - size))
        if len(data) >= place + size and 0 < struct.unpack_from(form, data, place)[0] <= 2 * len(data):
            number = random.choice(NUMBERS) & (2 ** (8 * size) - 1)
            return data[:place] + struct.pack(form, number) + data[place + size :]
    return flip_bits(data, random, other)


def random_block(data: bytes, random: Random, other: bytes) -> bytes:
    place, size = random.randrange(len(data)), random.choice((1, 4, 16, 256))
    return data[:place] + random.choice((random.randbytes(size), bytes(size), b"\xff" * size)) + data[place + size :]


def change_json(data: bytes, random: Random, other: bytes) -> bytes:
    """Replace, remove or add one value of a JSON document."""
    document = json.loads(data)
    places = list(_places(document))
    if not places:
        return flip_bits(data, random, other)
    parent, key = random.choice(places)
    match random.randrange(6):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[random.choice(("unknown", "", "\u202e"))] = parent[key]
        case 2:
            parent[key] = [parent[key]] * random.choice((0, 1, 2, 10_000))
        case 3:
            text = json.dumps(document)
            deep = random.choice((1_000, 200_000))
            return text.replace(json.dumps(parent[key]), "[" * deep + "]" * deep, 1).encode()
        case _:
            parent[key] = random.choice(JSON_VALUES)
    return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Any:
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(child)


Mutation = Callable[[bytes, Random, bytes], bytes]
MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, flip_bits, truncate, insert, remove, splice, change_length, change_length, random_block,
)  # fmt: skip


def mutate(data: bytes, random: Random, other: bytes) -> bytes:
    """Damage a file. In a ZIP file, damage one member in half of the cases, and give it a right checksum again.

    Args:
        data: the bytes of the file.
        random: decides what happens.
        other: the bytes of another file, from which blocks may come.
    """
    start = data.find(b"PK\3\4") if data.rfind(b"PK\5\6") > 0 else -1
    if start >= 0 and random.random() < 0.5:  # behind the model in a TFLite file
        return data[:start] + _in_a_member(data[start:], random, other)
    if not data:
        return random.randbytes(64)
    if _is_json(data) and random.random() < 0.6:
        return change_json(data, random, other)
    return random.choice(MUTATIONS)(data, random, other)


def _is_json(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), (dict, list))
    except ValueError:
        return False


def _in_a_member(data: bytes, random: Random, other: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as result:
        members = source.infolist()
        files = [member for member in members if not member.is_dir()]
        texts = [member for member in files if member.filename.endswith(".json")]
        chosen = random.choice(texts if texts and random.random() < 0.5 else files)
        way = random.randrange(8)
        for member in members:
            content = source.read(member)
            if member is not chosen:
                result.writestr(member, content)
            elif way == 0:
                continue  # the member is missing
            elif way == 1:
                result.writestr(random.choice(("../out.txt", "/tmp/out.txt", "other", "a/../../b")), content)
            else:
                result.writestr(member, mutate(content, random, other))
    return target.getvalue()
