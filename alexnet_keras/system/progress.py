"""One line of progress on standard error for everything that takes longer than a moment."""

import contextlib
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

REFRESH_SECONDS = 0.2  # on a terminal, where the line is rewritten in place
LOG_SECONDS = 15.0  # in a log, where each report is a line of its own


def duration(seconds: float) -> str:
    """`75.2` as `1:15`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def stage(label: str) -> Iterator[None]:
    """Say on a terminal what is being done where nothing can be counted; the line is gone at the end."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{label} ...")
        sys.stderr.flush()
    try:
        yield
    finally:
        if sys.stderr.isatty():
            sys.stderr.write("\r" + " " * (len(label) + 4) + "\r")
            sys.stderr.flush()


class Progress:
    """Reports how far a job has come, how fast it goes and how long it still takes.

    A job that is over within two seconds prints nothing. Use it as a context manager; `advance` after each piece.

    Args:
        label: what is being done, such as `"Reading imagenette"`.
        total: number of items.
        unit: what an item is, in the plural.
    """

    def __init__(self, label: str, total: int, unit: str = "images") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0
        self.start = time.monotonic()
        self._last = self.start + 2.0 - REFRESH_SECONDS
        self._terminal = sys.stderr.isatty()
        self._width = 0

    def advance(self, items: int, note: str = "") -> None:
        """Count `items` more; `note` follows the rate on the line."""
        self.done += items
        now = time.monotonic()
        if now - self._last >= (REFRESH_SECONDS if self._terminal else LOG_SECONDS):
            self._last = now
            self._write(self.line(now, note))

    def line(self, now: float, note: str = "") -> str:
        rate = self.done / max(now - self.start, 1e-9)
        left = duration((self.total - self.done) / rate) if rate else "?"
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        parts = [f"{self.label}  {self.done:,}/{self.total:,} {self.unit}", note, f"{speed} {self.unit}/s"]
        return "  ".join(part for part in (*parts, f"{left} left") if part)

    def _write(self, line: str) -> None:
        if self._terminal:
            sys.stderr.write("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Clear the line; what comes next starts at the left edge."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
