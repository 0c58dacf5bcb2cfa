"""What the stack says on the terminal; survives a terminal that is gone."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

COLOURS = ("36", "35", "33", "32", "34", "31")
NAME_WIDTH = 8


class Console:
    """Writes whole lines from several threads to one stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="replace")  # a terminal that is not UTF-8
        self._lock = threading.Lock()
        self._colours: dict[str, str] = {}
        self._coloured = self._stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str = "") -> None:
        """Write `text` and a line end."""
        with self._lock:
            try:
                print(text, file=self._stream, flush=True)
            except OSError:
                # The terminal is closed, or the reader of the pipe left: go on unheard. Python's own flush at
                # exit would fail too, so it is the descriptor that is changed.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def relay(self, name: str, text: str) -> None:
        """Write one line of the child process `name`."""
        self.line(f"{self._paint(name, f'{name:<{NAME_WIDTH}} |')} {text}")

    @contextmanager
    def step(self, done: str) -> Iterator[None]:
        """Write `done` and how long the block took, unless it raises."""
        began = time.monotonic()
        yield
        self.line(f"  {done} in {time.monotonic() - began:.1f} s")

    def box(self, lines: Sequence[str]) -> None:
        """Write `lines` in a frame."""
        width = max(map(len, lines))
        self.line("┌" + "─" * (width + 2) + "┐")
        for text in lines:
            self.line(f"│ {text:<{width}} │")
        self.line("└" + "─" * (width + 2) + "┘")

    def _paint(self, name: str, text: str) -> str:
        if not self._coloured:
            return text
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\x1b[{colour}m{text}\x1b[0m"
