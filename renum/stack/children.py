"""Starting child processes so that none outlives the stack, and ending whole groups of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from renum.stack.errors import StackError, StopRequested
from renum.stack.signals import StopFlag

LEASH = Path(__file__).with_name("leash.py")
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05
TAIL_LINES = 20


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    output: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a program as leader of its own session; on Linux it gets SIGTERM when this process dies.

    Call it from the main thread: to the kernel, the thread that starts a child is its parent.
    """
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
    return subprocess.Popen(
        [*leash, *argv],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run_step(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, stop: StopFlag) -> None:
    """Run a program to its end, its output in `log`.

    Raises `StackError` with the end of that output if it fails, `StopRequested` if `stop` is set meanwhile.
    """
    with log.open("wb") as output:
        child = spawn(argv, env=env, cwd=cwd, output=output)
    while child.poll() is None and not stop.requested:
        time.sleep(POLL_SECONDS)
    code = end_group(child)
    if stop.requested:
        raise StopRequested
    if code != 0:
        raise StackError(f"`{' '.join(argv[1:])}` failed. The end of {log}:\n{tail(log)}")


def end_group(child: subprocess.Popen[bytes]) -> int:
    """End a child and whatever it started: SIGTERM and some time for it, SIGKILL for what is left."""
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    kill_group(child.pid)
    return child.wait()


def kill_group(leader: int) -> None:
    """Kill a process group and wait until it is gone."""
    deadline = time.monotonic() + 2
    while group_members(leader) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        time.sleep(0.01)


def group_members(leader: int) -> list[psutil.Process]:
    """Return the living processes of the group that `leader` leads, or led."""
    members = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def end_leftovers(pids_file: Path, data_dir: Path, grace_seconds: float = GRACE_SECONDS) -> list[str]:
    """End the processes that a killed stack left behind and return their names.

    A PID in the file may be another program's by now: only what was started for this data folder is touched.
    """
    try:
        pids: dict[str, int] = json.loads(pids_file.read_text())
    except (FileNotFoundError, ValueError):
        return []
    groups = {name: [p for p in group_members(pid) if _serves(p, data_dir)] for name, pid in pids.items()}
    leftovers = [process for members in groups.values() for process in members]
    for process in leftovers:
        if process.pid in pids.values():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
    _, deaf = psutil.wait_procs(leftovers, timeout=grace_seconds)
    for process in deaf:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(deaf, timeout=2)
    return [name for name, members in groups.items() if members]


def _serves(process: psutil.Process, data_dir: Path) -> bool:
    try:
        return bool(process.environ().get("RENUM_DATA_DIR") == str(data_dir))
    except psutil.Error:
        return False


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    except OSError as error:
        lines = [f"(not readable: {error})"]
    return "\n".join(f"    {line}" for line in lines)
