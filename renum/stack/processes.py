"""Keeps child processes running: relays what they say, restarts those that die, stops all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from renum.stack.children import GRACE_SECONDS, POLL_SECONDS, kill_group, spawn, tail
from renum.stack.console import Console
from renum.stack.errors import StackError
from renum.stack.signals import StopFlag

LOG_LIMIT_BYTES = 10 * 1024 * 1024
LONGEST_DELAY_SECONDS = 30
STABLE_AFTER_SECONDS = 60.0
DEATHS_WHILE_STARTING = 3


@dataclass(frozen=True)
class Process:
    """A program to keep running. `env` is its whole environment; `echo` shows its output on the console."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    cwd: Path | None = None
    echo: bool = True


@dataclass
class _Child:
    process: Process
    log: Path
    popen: subprocess.Popen[bytes] | None = None
    relay: threading.Thread | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    quick_deaths: int = field(default=0)


class Supervisor:
    """Runs processes until the `with` block ends; `poll()` does the watching. For the main thread only."""

    def __init__(self, logs: Path, *, console: Console | None = None, pids_file: Path | None = None) -> None:
        self._logs = logs
        self._console = console or Console()
        self._pids_file = pids_file
        self._children: list[_Child] = []
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """PIDs of the processes that run now, by name."""
        return {child.process.name: child.popen.pid for child in self._children if child.popen}

    def start(self, process: Process) -> None:
        """Start a process and keep it running from now on."""
        child = _Child(process, self._logs / f"{process.name}.log")
        self._children.append(child)
        self._launch(child)

    def poll(self) -> None:
        """Notice the dead, and start those again whose delay is over."""
        for child in self._children:
            if child.popen is None:
                if time.monotonic() >= child.restart_at:
                    self._launch(child)
            elif child.popen.poll() is not None:
                self._bury(child, child.popen)

    def wait_until_ready(self, timeout_seconds: float, stop: StopFlag | None = None) -> None:
        """Poll until every process that can tell says that it is ready.

        Raises `StackError` if one is not in time or keeps dying, `StopRequested` if `stop` is set meanwhile.
        """
        deadline = time.monotonic() + timeout_seconds
        waiting = list(self._children)
        while waiting := [child for child in waiting if not (child.process.ready or _always)()]:
            if stop:
                stop.check()
            self.poll()
            for child in waiting:
                name, end = child.process.name, f"The end of {child.log}:\n{tail(child.log)}"
                if child.quick_deaths >= DEATHS_WHILE_STARTING:
                    raise StackError(f"{name} ended {child.quick_deaths} times while starting. {end}")
                if time.monotonic() > deadline:
                    raise StackError(f"{name} was not ready within {timeout_seconds:g} s. {end}")
            time.sleep(POLL_SECONDS)

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """SIGTERM to all, last started first, and SIGKILL to their groups once done or out of time."""
        running = [(child, child.popen) for child in reversed(self._children) if child.popen]
        for _, popen in running:
            popen.terminate()
        deadline = time.monotonic() + grace_seconds
        for child, popen in running:
            with suppress(subprocess.TimeoutExpired):
                popen.wait(max(0.0, deadline - time.monotonic()))
            if popen.poll() is None:
                self._console.line(
                    f"{child.process.name} did not stop within {grace_seconds:g} s; killing it"
                )
        for child, popen in running:
            kill_group(popen.pid)
            popen.wait()
            if child.relay:
                child.relay.join(timeout=2)
        self._children.clear()
        if self._pids_file:
            self._pids_file.unlink(missing_ok=True)

    def _launch(self, child: _Child) -> None:
        process = child.process
        child.popen = spawn(process.argv, env=process.env, cwd=process.cwd)
        child.started_at = time.monotonic()
        assert child.popen.stdout is not None
        child.relay = threading.Thread(
            target=self._relay, args=(child, child.popen.stdout), name=f"relay-{process.name}", daemon=True
        )
        child.relay.start()
        self._write_pids()

    def _bury(self, child: _Child, popen: subprocess.Popen[bytes]) -> None:
        kill_group(popen.pid)
        if time.monotonic() - child.started_at >= STABLE_AFTER_SECONDS:
            child.quick_deaths = 0
        delay = min(2**child.quick_deaths, LONGEST_DELAY_SECONDS)
        child.quick_deaths += 1
        child.restart_at = time.monotonic() + delay
        child.popen = None
        self._write_pids()
        self._console.line(
            f"{child.process.name} ended ({describe_exit(popen.returncode)}); starting it again in {delay} s"
        )

    def _relay(self, child: _Child, pipe: IO[bytes]) -> None:
        with pipe, child.log.open("ab") as log:
            if log.tell() > LOG_LIMIT_BYTES:
                log.truncate(0)
            for line in pipe:
                with suppress(OSError):  # a full disk must not block the child on its next line
                    log.write(line)
                    log.flush()
                if child.process.echo:
                    self._console.relay(child.process.name, line.decode(errors="replace").rstrip("\r\n"))

    def _write_pids(self) -> None:
        if self._pids_file:
            draft = self._pids_file.with_suffix(".tmp")
            draft.write_text(json.dumps(self.pids))
            os.replace(draft, self._pids_file)


def describe_exit(code: int) -> str:
    """Say how a process ended, from its return code."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _always() -> bool:
    return True
