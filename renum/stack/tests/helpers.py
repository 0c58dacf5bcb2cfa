"""Waiting for a condition, and scripts that play the stack's programs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from renum.stack.processes import Process

PROJECT = Path(__file__).resolve().parents[3]
T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """Return the first true value of `condition`; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not seen within {seconds} s")


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def python(name: str, code: str, **env: str) -> Process:
    """A supervised process that runs `code`."""
    return Process(name, [sys.executable, "-u", "-c", code], {**os.environ, **env})


def start_script(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a program that can import this project, to be killed from outside."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_pid(file: Path) -> int:
    """Wait for a file that holds a PID and return it."""
    return int(wait_for(lambda: file.exists() and file.read_text()))
