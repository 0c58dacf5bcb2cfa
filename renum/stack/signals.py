"""Turns SIGINT, SIGTERM and SIGHUP into a flag: a stop never lands half-way through starting something."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from renum.stack.errors import StopRequested


class StopFlag:
    """Set by a signal, read by whoever waits."""

    requested = False

    def check(self) -> None:
        """Raise `StopRequested` if somebody asked the stack to stop."""
        if self.requested:
            raise StopRequested

    def wait(self, seconds: float) -> None:
        """Sleep, then `check()`."""
        time.sleep(seconds)
        self.check()

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True


@contextmanager
def catch_stop_signals() -> Iterator[StopFlag]:
    """Collect stop signals in the flag yielded; a second Ctrl-C changes nothing. Main thread only."""
    flag = StopFlag()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored: started by nohup, which wants that
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, flag._set) for number in numbers}
    try:
        yield flag
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
