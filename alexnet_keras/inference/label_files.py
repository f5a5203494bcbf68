"""Class names beside an exported model: exact ones for this package, and readable labels for other programs."""

import json
import re
from collections.abc import Mapping, Sequence

from alexnet_keras.data.class_labels import distinct_labels
from alexnet_keras.system.errors import InputError
from alexnet_keras.system.input_files import parse_json

NAMES = "class_names.json"  # a list, so that a name may hold anything, also a line break
LABELS = "labels.txt"  # one readable label a line: what TFLite's task library and most other programs read
LINE_BREAKS = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")  # where str.splitlines and other readers end a line
LIMIT = 2**24  # bytes of a file; a thousand names of a kilobyte each have one megabyte


def encode(names: Sequence[str]) -> dict[str, bytes]:
    """Return the content of both files.

    In labels.txt, a synset has its words, and a character that would break its line is escaped.
    """
    words = distinct_labels(names)
    lines = [LINE_BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), each) for each in words]
    labels = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    return {NAMES: json.dumps(names).encode(), LABELS: labels}


def decode(files: Mapping[str, bytes], source: str) -> tuple[str, ...]:
    """Read the class names of a model.

    Args:
        files: name -> content of the files beside the model. Exports of version 0.1.0 have only labels.txt.
        source: the model, for the message.
    """
    try:
        if NAMES not in files:
            return tuple(files[LABELS].decode().removesuffix("\n").split("\n"))
        names = parse_json(files[NAMES], source)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    except (KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{source} has no readable class names; write it with `alexnet-keras export`.") from error
    raise InputError(f"{source} has a {NAMES} that is no list of strings; export it again.")
