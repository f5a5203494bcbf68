"""SIGTERM and Ctrl-C: the first is obeyed at the next good moment, the second at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self

from alexnet_keras.system.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """While it is entered, a signal raises `Interrupted`, or in a `deferring` block waits to be asked for.

    A second signal ends the process at once: whatever is being written then has not got its name yet.

    Attributes:
        received: number of the signal that came, or `None`.
    """

    def __init__(self) -> None:
        self._deferred = False
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
        if not self._deferred:
            raise Interrupted(signal.Signals(number).name, number)

    @contextlib.contextmanager
    def deferring(self) -> Iterator[None]:
        """While somebody looks at `received` regularly, and stops by itself."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.received is not None:  # it came after the last look
            raise Interrupted(signal.Signals(self.received).name, self.received)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers nowhere else
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
