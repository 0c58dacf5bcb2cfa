"""Run `manage.py up` as `make up` does, on free ports and a data folder of its own, and talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import redis

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120  # two stacks may start at once
T = TypeVar("T")


def eventually(probe: Callable[[], T], seconds: float = 30, pause: float = 0.1) -> T:
    """Return the first truthy answer of `probe`; fails with its last one after `seconds`."""
    give_up_at = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {seconds} s; last answer: {answer!r}")
        time.sleep(pause)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Stack:
    process: subprocess.Popen[bytes]
    data_dir: Path
    web: str
    sandbox: str
    smtp_port: int
    log: Path

    def pid(self, name: str) -> int | None:
        """The process id of one of the stack's programs, as it runs now."""
        pids: dict[str, int] = json.loads((self.data_dir / "pids.json").read_text())
        return pids.get(name)

    def kill_worker(self) -> int:
        """End the worker and its pool as a crash would: at once. Returns the dead process's id."""
        pid = self.pid("worker")
        assert pid
        os.killpg(pid, signal.SIGKILL)
        return pid

    def flush_valkey(self) -> None:
        lines = (self.data_dir / "stack.env").read_text().splitlines()
        url = next(line.split("=", 1)[1].strip("'\"") for line in lines if line.startswith("REDIS_URL="))
        with redis.Redis.from_url(url) as client:
            client.flushall()

    def login(self, email: str) -> httpx.Client:
        answer = httpx.post(f"{self.web}/api/auth/login", json={"email": email, "password": "renum-demo"})
        answer.raise_for_status()
        return httpx.Client(
            base_url=self.web, headers={"Authorization": f"Bearer {answer.json()['access']}"}, timeout=15
        )

    # --- the sandbox -----------------------------------------------------------------------------

    def sent(self, *, to: str = "", text: str = "") -> list[dict[str, Any]]:
        """The messages that reached the stand-in provider, in order, in either dialect."""
        journal = httpx.get(f"{self.sandbox}/_sandbox/journal").json()
        found = []
        for entry in journal:
            if entry["path"].endswith(("/send/text", "/messages/send")):
                body = entry["body"]
                number = str(body.get("number") or body.get("phone")).lstrip("+")
                words = body.get("text") or body.get("message")
                if (not to or number == to.lstrip("+")) and text in words:
                    found.append({**entry, "to": number, "text": words})
        return found

    def inbound(self, phone: str, text: str, **more: Any) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.sandbox}/_sandbox/inbound", json={"phone": phone, "text": text, **more}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        delivered: dict[str, Any] = answer.json()
        return delivered

    def posted(self) -> list[dict[str, Any]]:
        """The webhooks that the sandbox posted, in order."""
        found: list[dict[str, Any]] = httpx.get(f"{self.sandbox}/_sandbox/posted").json()
        return found

    def forget(self) -> None:
        """Empty the sandbox's journal, and the list of what it posted."""
        httpx.delete(f"{self.sandbox}/_sandbox/journal").raise_for_status()

    def script_faults(self, *faults: dict[str, Any]) -> None:
        httpx.post(f"{self.sandbox}/_sandbox/faults", json=list(faults)).raise_for_status()


@contextmanager
def running_stack(data_dir: Path, **environ: str) -> Iterator[Stack]:
    """Start the stack, wait until it has printed its box, and stop it by SIGTERM at the end."""
    web, sandbox, smtp = _free_ports(3)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RENUM_", "DJANGO_")) and name not in ("DATABASE_URL", "REDIS_URL")
    }
    data_dir.mkdir(exist_ok=True)
    log = data_dir / "up.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **inherited,
                "RENUM_DATA_DIR": str(data_dir),
                "RENUM_WEB_PORT": str(web),
                "RENUM_SANDBOX_PORT": str(sandbox),
                "RENUM_SANDBOX_SMTP_PORT": str(smtp),
                **environ,
            },
        )
    stack = Stack(process, data_dir, f"http://127.0.0.1:{web}", f"http://127.0.0.1:{sandbox}", smtp, log)
    printed_before = log.read_text().count("Ctrl-C stops everything")
    try:
        eventually(lambda: _is_up(stack, printed_before), START_SECONDS)
        yield stack
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)


def _is_up(stack: Stack, printed_before: int) -> bool:
    assert stack.process.poll() is None, stack.log.read_text()[-3000:]
    return stack.log.read_text().count("Ctrl-C stops everything") > printed_before


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)
