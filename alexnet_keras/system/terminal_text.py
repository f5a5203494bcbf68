"""Make text from files safe to print on a terminal."""


def printable(text: str) -> str:
    r"""Replace control characters, line breaks and other characters without a shape by their escapes, such as `\x1b`.

    A terminal executes the sequences that begin with an escape character: they can hide text or change the window.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
