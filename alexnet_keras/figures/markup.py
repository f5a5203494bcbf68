"""HTML in which everything is escaped that is not HTML already."""

import base64
from html import escape
from typing import Any

EMPTY = ("img", "source", "meta")  # elements without content and end


class Markup(str):
    """Text that is HTML."""


def tag(name: str, *content: Any, **attributes: Any) -> Markup:
    """Make an element.

    Args:
        name: the name of the element.
        *content: `Markup`, or other values, whose text is escaped.
        **attributes: its attributes, where `class_` means `class` and `aria_label` means `aria-label`. Those that are
            `None` are left out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    words = "".join(f' {key}="{escape(str(value))}"' for key, value in given.items())
    return Markup(f"<{name}{words}>" + ("" if name in EMPTY else f"{joined(*content)}</{name}>"))


def joined(*content: Any) -> Markup:
    """Join `Markup` and other values, whose text is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(str(part)) for part in content))


def data_uri(kind: str, content: bytes) -> str:
    """Return the address of an image that is in the page itself, such as of the kind `image/png`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
