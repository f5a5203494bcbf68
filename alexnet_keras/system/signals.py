"""Stop at SIGTERM and Ctrl-C: after the current step at the first signal, at once at the second."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self

from alexnet_keras.system.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LATER_SECONDS = 0.05  # the garbage collector has finished by then


class Signals:
    """A context in which the first signal raises `Interrupted`, or is only recorded in a `deferring` block.

    A second signal ends the process at once. This is safe, because files are written atomically.

    A library may turn `Interrupted` into an error of its own (h5py does so in the middle of a file). Therefore the
    context raises `Interrupted` at its end if a signal was received. Python ignores and prints what is raised in
    `__del__` or a callback of the garbage collector, and Cython (h5py) prints it once more by `sys.excepthook`. If this
    happens to `Interrupted`, nothing is printed, and the signal is sent again later. After a signal, `__del__` may also
    fail because the constructor did not finish (llvmlite does so); nothing is printed then.
    """

    def __init__(self) -> None:
        self._deferred = False
        self.received: int | None = None
        self._before: dict[int, Any] = {}
        self._hooks: tuple[Any, Any] = (sys.unraisablehook, sys.excepthook)
        self._again: threading.Timer | None = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._stop_sending() and self.received is not None:
            os._exit(128 + number)
        self.received = number
        if not self._deferred:
            self._raise()

    def _send_again(self, ignored: Any) -> None:
        if not isinstance(ignored.exc_value, Interrupted):
            if self.received is None:
                self._hooks[0](ignored)
            return
        self._again = threading.Timer(LATER_SECONDS, os.kill, (os.getpid(), self.received))
        self._again.start()

    def _print(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, Interrupted):
            self._hooks[1](kind, error, trace)

    def _stop_sending(self) -> bool:
        """Whether the signal was to be sent again."""
        again, self._again = self._again, None
        if again is not None:
            again.cancel()
        return again is not None

    def _raise(self) -> None:
        if self.received is not None:
            raise Interrupted(f"Stopped by {signal.Signals(self.received).name}.", self.received)

    @contextlib.contextmanager
    def deferring(self) -> Iterator[None]:
        """Only record signals, for code that checks `received` regularly; raise `Interrupted` at the end if needed."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self._raise()  # after the last check

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python allows signal handlers only there
            self._hooks = sys.unraisablehook, sys.excepthook
            sys.unraisablehook, sys.excepthook = self._send_again, self._print
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._before:
            sys.unraisablehook, sys.excepthook = self._hooks
            self._stop_sending()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if not isinstance(error, Interrupted):
            self._raise()
