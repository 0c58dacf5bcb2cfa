"""A sandbox on free ports, and a receiver that stands where our own webhook endpoint would."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from integrations.sandbox.testing import sandbox_in_thread

GO = {"token": "demo-token"}
V1 = {"Authorization": "Bearer demo-token"}
EVOLUTION = {"apikey": "demo-key"}
SECRET = "shared-secret"


@dataclass
class Receiver:
    url: str
    received: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)  # headers and raw bodies

    def events(self, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event.get("EventType") == event_type]


@dataclass(frozen=True)
class Client:
    """Talks to one sandbox as our code, and its people, would."""

    http: httpx.Client
    url: str
    smtp_port: int

    def journal(self, **query: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.http.get("/_sandbox/journal", params=query).json()
        return entries

    def send(self, text: str = "Olá", number: str = "5511987654321", **more: Any) -> httpx.Response:
        return self.http.post(
            "/uazapi/send/text", headers=GO, json={"number": number, "text": text, **more}, timeout=2
        )

    def send_v1(self, message: str = "Olá", phone: str = "+5511987654321", **more: Any) -> httpx.Response:
        return self.http.post(
            "/uazapi/v1/messages/send", headers=V1, json={"phone": phone, "message": message, **more}
        )

    def register(self, url: str, **more: Any) -> httpx.Response:
        return self.http.post("/uazapi/webhook", headers=GO, json={"url": url, **more})

    def register_v1(self, url: str, **more: Any) -> httpx.Response:
        return self.http.post("/uazapi/v1/webhooks", headers=V1, json={"url": url, **more})

    def inbound(self, **body: Any) -> httpx.Response:
        return self.http.post(
            "/_sandbox/inbound", json={"phone": "+5511987654321", "text": "Oi", **body}, timeout=10
        )

    def script(self, *faults: dict[str, Any]) -> httpx.Response:
        return self.http.post("/_sandbox/faults", json=list(faults))


@pytest.fixture
def sandbox() -> Iterator[Client]:
    with sandbox_in_thread(webhook_secret=SECRET) as addresses, httpx.Client(base_url=addresses.url) as http:
        yield Client(http, addresses.url, addresses.smtp_port)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            here.letters.append((dict(self.headers), raw))
            here.received.append(json.loads(raw))
            self.send_response(here.statuses.pop(0) if here.statuses else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"received": true}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Receiver(f"http://127.0.0.1:{server.server_address[1]}/webhooks/uazapi/very-secret-key")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()


def wait_until(condition: Callable[[], Any], seconds: float = 3) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
