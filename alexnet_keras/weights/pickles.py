"""Interpret pickles without executing them.

A pickle is a program for a stack machine, which can name any function and call it. This interpreter follows only the
instructions that build plain values: numbers, strings, bytes, tuples, lists and dicts. It calls a few functions of this
package instead of those that a pickle names. Everything else that a pickle names becomes an `Opaque`: its code is never
imported or called, and what the pickle does with it is ignored. The interpreter never hashes, compares or prints a
tuple or a list, because a pickle of 300 bytes can nest them so that each of these takes for ever.
"""

import itertools
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from alexnet_keras.system.terminal_text import brief

MOST_INSTRUCTIONS = 100_000  # of a pickle; the state dict of torchvision's AlexNet has fewer than 1,000


class DamageError(Exception):
    """A file that cannot be read; the message is the reason, and begins with a verb."""


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names."""

    text: str


@dataclass(frozen=True)
class Opaque:
    """Something that a pickle would make with a class or function outside the given list; it was not made."""

    name: str


CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_SET": Opaque("builtins.set")}
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
LITERALS = {  # instructions whose argument is a value
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINSTRING", "SHORT_BINSTRING"),  # of Python 2: text or bytes, each byte as one character
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
Functions = Mapping[str, Callable[..., Any]]


def interpret(file: IO[bytes], functions: Functions, load: Callable[[Any], Any] | None = None) -> Any:
    """Interpret one pickle.

    Args:
        file: the pickle, which must be in memory: an instruction can claim to be longer than the file.
        functions: name -> what to call instead. It gets the arguments of the pickle, which can be anything. If its
            result has a method `build`, it gets the state that the pickle gives to the object.
        load: resolves references to objects outside the pickle.

    Returns:
        The value of the pickle. Its dicts have only the items whose keys are strings.

    Raises:
        DamageError: the pickle has other instructions, or too many.
        Exception: the pickle is damaged.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    argument: Any
    for opcode, argument, _ in itertools.islice(pickletools.genops(file), MOST_INSTRUCTIONS):
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                marks.append(len(stack))
            case "POP":
                stack.pop()
            case "POP_MARK":
                since_mark()
            case name if name in CONSTANTS:
                stack.append(CONSTANTS[name])
            case name if name in LITERALS:
                stack.append(argument)
            case name if name in EMPTY:
                stack.append(EMPTY[name]())
            case "FROZENSET":
                since_mark()
                stack.append(Opaque("builtins.frozenset"))
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode.name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                memo[len(memo) if argument is None else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND" | "APPENDS" | "ADDITEMS":
                items = [stack.pop()] if opcode.name == "APPEND" else since_mark()
                _add(items, stack[-1], list)
            case "SETITEM" | "SETITEMS":
                items = since_mark() if opcode.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                _add(items, stack[-1], dict)
            case "GLOBAL" | "STACK_GLOBAL":
                parts = argument.split(" ") if opcode.name == "GLOBAL" else [stack.pop(-2), stack.pop()]
                stack.append(Name(".".join(parts)))
            case "REDUCE":
                arguments = checked(stack.pop(), tuple)
                stack.append(_call(stack.pop(), arguments, functions))
            case "NEWOBJ" | "NEWOBJ_EX":
                del stack[-1 if opcode.name == "NEWOBJ" else -2 :]  # the arguments
                stack.append(_opaque(stack.pop()))
            case "BINPERSID" if load:
                stack.append(load(stack.pop()))
            case "BUILD":
                state = stack.pop()
                if hasattr(stack[-1], "build"):
                    stack[-1].build(state)
            case "STOP":
                return stack.pop()
            case other:
                raise DamageError(f"has the pickle instruction {other}, which no weights need, so it is not read")
    raise DamageError(f"has a pickle of more than {MOST_INSTRUCTIONS:,} instructions, which no weights need")


def checked(value: Any, kind: Any) -> Any:
    """Return a value of a pickle if it has the type `kind`.

    Raises:
        DamageError: it has another type.
    """
    if not isinstance(value, kind):
        found = f"an object of {brief(value.name)}" if isinstance(value, Opaque) else f"a {type(value).__name__}"
        raise DamageError(f"has {found} where weights have another type")
    return value


def _add(items: list[Any], target: Any, kind: Any) -> None:
    """Add items to a list, or keys and values in turn to a dict; what was not made ignores them."""
    if isinstance(target, Opaque):
        return
    if kind is list:
        checked(target, list).extend(items)
    else:
        pairs = zip(items[::2], items[1::2], strict=True)
        checked(target, dict).update({key: value for key, value in pairs if isinstance(key, str)})


def _call(called: Any, arguments: tuple[Any, ...], functions: Functions) -> Any:
    known = functions.get(called.text) if isinstance(called, Name) else None
    return known(*arguments) if known else _opaque(called)


def _opaque(called: Any) -> Opaque:
    return Opaque(called.text if isinstance(called, Name) else checked(called, Opaque).name)
