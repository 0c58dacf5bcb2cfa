"""The process itself: how it starts, stops, and what it remembers."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from integrations.sandbox.testing import sandbox_in_thread

from .conftest import GO, Receiver

ROOT = Path(__file__).parents[3]


@contextmanager
def sandbox_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `python -m integrations.sandbox` on free ports and yield it with its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox", "--port", "0", "--smtp-port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, line.split()[1].removesuffix("/_sandbox/")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_within_two_seconds_even_with_a_hanging_client(number: signal.Signals) -> None:
    with sandbox_process() as (process, url), socket.create_connection(_address(url)) as client:
        httpx.post(f"{url}/_sandbox/faults", json={"kind": "accept_then_hang"})
        body = b'{"number": "5511987654321", "text": "x"}'
        head = (
            f"POST /uazapi/send/text HTTP/1.1\r\nHost: x\r\ntoken: demo-token\r\nContent-Length: {len(body)}"
        )
        client.sendall(head.encode() + b"\r\n\r\n" + body)
        deadline = time.monotonic() + 3
        while not httpx.get(f"{url}/_sandbox/journal").json():
            assert time.monotonic() < deadline

        process.send_signal(number)

        assert process.wait(timeout=2) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("option", ["--port", "--smtp-port"])
def test_taken_port_is_one_clear_line(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "integrations.sandbox",
                "--port",
                "0",
                "--smtp-port",
                "0",
                option,
                str(port),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
        )

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert "address already in use" in result.stderr


def test_state_file_survives_a_restart_and_is_private(tmp_path: Path, receiver: Receiver) -> None:
    state = tmp_path / "new" / "sandbox.json"
    with sandbox_in_thread(state=state) as first:
        httpx.post(f"{first.url}/uazapi/webhook", headers=GO, json={"url": receiver.url})

    assert state.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in state.parent.iterdir()] == ["sandbox.json"]
    with sandbox_process("--state", str(state)) as (_, url):
        answer = httpx.post(f"{url}/_sandbox/inbound", json={"phone": "+5511987654321", "text": "Oi"})

    assert answer.json()["dialect"] == "go"
    assert [event["message"]["text"] for event in receiver.received] == ["Oi"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"events": [], "excluded": [], "x": 1})])
def test_unreadable_state_is_ignored(tmp_path: Path, content: str) -> None:
    state = tmp_path / "sandbox.json"
    state.write_text(content)

    with sandbox_in_thread(state=state) as addresses:
        answer = httpx.post(
            f"{addresses.url}/_sandbox/inbound", json={"phone": "+5511987654321", "text": "Oi"}
        )

    assert answer.status_code == 409


def test_imports_no_django() -> None:
    check = "import sys, integrations.sandbox.__main__; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, timeout=20).returncode == 0


def _address(url: str) -> tuple[str, int]:
    parsed = httpx.URL(url)
    return parsed.host, parsed.port or 0
