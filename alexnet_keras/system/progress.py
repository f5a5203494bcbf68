"""Progress of long jobs, as one line on standard error."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Self

from alexnet_keras.system.columns import WIDTH, line_width

DELAY_SECONDS = 2.0  # shorter jobs print nothing
REFRESH_SECONDS = 0.2  # on a terminal, where the line is redrawn
LOG_SECONDS = 15.0  # in a file or a pipe, where each report is a new line
MEASURED_SECONDS = 10.0  # of work after which its speed tells the time left


def duration(seconds: float) -> str:
    """Format a time: 75.2 seconds are `1:15`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def stage(label: str) -> Iterator[None]:
    """Show on a terminal what is being done, for work whose progress cannot be counted."""
    terminal = sys.stderr.isatty()
    label = label[: WIDTH - 4]
    if terminal:
        print(f"\r{label} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if terminal:
            print("\r" + " " * (len(label) + 4), end="\r", file=sys.stderr, flush=True)


class Progress:
    """Report the number of finished items, the speed and the remaining time of a job on standard error.

    On a terminal, the report is one line, which is removed at the end. In a file or a pipe, the report is a new line
    every 15 seconds. The speed is that since the first items, which take longer because something is compiled or opened
    for them. The time left is shown when the speed has been measured for ten seconds.

    Args:
        label: what is being done, such as `"Reading imagenette"`; may change during the job.
        pauses: the time of the whole job over that of its items, if other work is done between them.
    """

    def __init__(self, label: str, total: int, unit: str = "images", pauses: float = 1.0) -> None:
        from tqdm import tqdm  # importing it takes longer than `--help` may take

        self.label, self.pauses = label, pauses
        self._first: tuple[float, int] | None = None  # when the first items were finished, and how many
        terminal = sys.stderr.isatty()
        columns = line_width() if terminal else WIDTH
        self._bar = tqdm(
            total=total,
            unit=unit,
            file=sys.stderr if terminal else _Lines(),
            leave=False,
            position=0,  # tqdm moves a second line down with escape sequences, which a log would show
            nrows=2,  # otherwise nothing is shown on a terminal that gives its height as 0, as some containers do
            delay=DELAY_SECONDS,
            mininterval=REFRESH_SECONDS if terminal else LOG_SECONDS,
            miniters=1,
            ncols=columns,
            bar_format="{desc} "
            + ("|{bar}| " if terminal and columns == WIDTH else "")
            + "{n:,}/{total:,} {unit}{postfix}",
        )

    @property
    def done(self) -> int:
        return self._bar.n

    def advance(self, items: int, note: str = "") -> None:
        """Count `items` more; the line shows the note."""
        self._bar.set_description_str(self.label, refresh=False)
        self._bar.set_postfix_str(", ".join(filter(None, (*self._times(items), note))), refresh=False)
        self._bar.update(items)

    def _times(self, items: int) -> Iterator[str]:
        """Yield the speed and the time left, if they are known when `items` more are finished."""
        now, done = time.monotonic(), self.done + items
        if self._first is None:
            self._first = now, done
            return
        seconds, measured = now - self._first[0], done - self._first[1]
        if seconds > 0 and measured > 0:
            speed = measured / seconds
            yield f"{speed:,.2f}/s"
            if seconds >= MEASURED_SECONDS:
                yield f"{duration(self.pauses * (self._bar.total - done) / speed)} left"

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Lines:
    """A stream that writes each state of tqdm's line as a line of its own."""

    def write(self, text: str) -> None:
        if text.strip():
            print(text.strip(), file=sys.stderr, flush=True)

    def flush(self) -> None:
        pass
