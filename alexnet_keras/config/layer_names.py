"""The names of the network's layers: conv1 to conv5 and fc6 to fc8, with the suffix a or b in one of two towers."""

import re

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
HIDDEN_LAYERS = ("fc6", "fc7")
CLASSIFIER = (*HIDDEN_LAYERS, "fc8")
LAYERS = (*CONVOLUTIONS, *CLASSIFIER)
TOWERS = ("a", "b")  # as in layers-145.cfg of the 2012 code: conv1a, conv1b

_WEIGHTED = re.compile(rf"(conv|fc|batchnorm)\d[{''.join(TOWERS)}]?")
_IN_TOWER = re.compile(rf"(.*\d)([{''.join(TOWERS)}])")


def in_tower(layer: str, tower: int) -> str:
    """The name of a layer in tower 0 or 1: `conv1` in tower 1 is `conv1b`."""
    return f"{layer}{TOWERS[tower]}"


def split_tower(name: str) -> tuple[str, int | None]:
    """The layer and the tower of a name: `conv1b` is (`conv1`, 1), and `fc8`, which sees both towers, (`fc8`, None)."""
    found = _IN_TOWER.fullmatch(name)
    return (found[1], TOWERS.index(found[2])) if found else (name, None)


def number_of(name: str) -> int:
    """The number in the name of a layer, with or without a tower: `conv5b` and `batchnorm5` have 5."""
    return int(split_tower(name)[0][-1])


def is_weighted(name: str) -> bool:
    """Whether a name is that of a layer with weights: `conv1`, `fc6a`, `batchnorm2`."""
    return _WEIGHTED.fullmatch(name) is not None


def is_frozen(name: str, last: str) -> bool:
    """Whether a layer has weights and is frozen if the convolutions up to `last` are, where `none` is none of them."""
    return last != "none" and is_weighted(name) and number_of(name) <= number_of(last)
