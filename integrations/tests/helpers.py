"""What the tests of delivery and of its API do again and again."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
from django.db import connections

from integrations.delivery import claims, dispatcher
from integrations.delivery.claims import Claimed
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.conversations.phones import phone_index
from renum.events.models import Event
from tests.factories import make_conversation, make_integration, next_phone

GO_TOKEN = "demo-token"
SEND_PATHS = ("/send/text", "/messages/send")
HIGH, NORMAL, LOW = (
    OutboundMessage.Priority.HIGH,
    OutboundMessage.Priority.NORMAL,
    OutboundMessage.Priority.LOW,
)


@dataclass(frozen=True)
class Vendor:
    """The sandbox, as a test scripts and watches it."""

    http: httpx.Client
    url: str
    smtp_port: int

    def api_url(self, dialect: str = "go") -> str:
        return f"{self.url}/uazapi" + ("/v1" if dialect == "v1" else "")

    def journal(self, **query: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.http.get("/_sandbox/journal", params=query).json()
        return entries

    def sends(self) -> list[dict[str, Any]]:
        """The requests to send that arrived, in order, whatever became of them."""
        return [entry for entry in self.journal() if entry["path"].endswith(SEND_PATHS)]

    def script(self, *faults: dict[str, Any]) -> None:
        self.http.post("/_sandbox/faults", json=list(faults)).raise_for_status()

    def reset(self) -> None:
        self.http.delete("/_sandbox/faults")
        silent = {"url": "http://127.0.0.1:9/", "enabled": False}
        self.http.post("/uazapi/webhook", json=silent, headers={"token": GO_TOKEN}).raise_for_status()
        self.http.delete("/_sandbox/journal")


class Clock:
    """A wall clock that stands still until it is moved."""

    def __init__(self, at: datetime):
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def reread(message: OutboundMessage) -> OutboundMessage:
    with service_scope(reason="test"):
        return OutboundMessage.objects.get(id=message.id)


def reread_integration(integration: Integration) -> Integration:
    with service_scope(reason="test"):
        return Integration.objects.get(id=integration.id)


def change(message: OutboundMessage, **fields: Any) -> None:
    """Set columns that are not encrypted."""
    with service_scope(reason="test"):
        OutboundMessage.objects.filter(id=message.id).update(**fields)


def all_outbound(client: Client) -> list[OutboundMessage]:
    with service_scope(reason="test"):
        return list(OutboundMessage.objects.filter(client=client).order_by("queued_at", "id"))


def attempts_of(message: OutboundMessage) -> list[DeliveryAttempt]:
    with service_scope(reason="test"):
        return list(DeliveryAttempt.objects.filter(message=message).order_by("number"))


def noted(message: OutboundMessage) -> Message:
    """The conversation's side of an outbound message."""
    with service_scope(reason="test"):
        return Message.objects.get(id=message.id)


def events_about(message: OutboundMessage) -> list[Event]:
    with service_scope(reason="test"):
        return list(Event.objects.filter(data__message_id=str(message.id)).order_by("occurred_at"))


def claim_due(priority: OutboundMessage.Priority, batch: int) -> list[Claimed]:
    """What a dispatcher would send now."""
    return claims.claim_due(priority, batch).messages


def dispatch(priority: OutboundMessage.Priority = NORMAL) -> int:
    return dispatcher.dispatch(priority).attempts


def make_clients(count: int) -> list[Client]:
    """So many companies, each with an owner."""
    with service_scope(reason="test rows"):
        owners = [
            Profile.objects.create_user(f"owner-{uuid.uuid4().hex[:12]}@many.test", "password-1")
            for _ in range(count)
        ]
        return [Client.objects.create(profile=owner, name=f"Many {n}") for n, owner in enumerate(owners)]


def make_backlog(
    integration: Integration,
    count: int,
    *,
    phones: list[str] | None = None,
    queued_at: datetime | None = None,
    **fields: Any,
) -> list[OutboundMessage]:
    """Queue `count` messages in one statement, a microsecond apart, to the phones in turn."""
    start = queued_at or clock.now() - timedelta(minutes=1)
    phones = phones or [next_phone() for _ in range(count)]
    rows = [
        OutboundMessage(
            client_id=integration.client_id,
            integration=integration,
            channel="whatsapp",
            recipient=phones[n % len(phones)].removeprefix("+"),
            recipient_index=phone_index(integration.client_id, phones[n % len(phones)]),
            body={"text": f"Mensagem {n}"},
            idempotency_key=f"backlog:{uuid.uuid4()}",
            fingerprint="0" * 64,
            queued_at=start + timedelta(microseconds=n),
            **{"next_attempt_at": start + timedelta(microseconds=n), **fields},
        )
        for n in range(count)
    ]
    with service_scope(reason="test rows"):
        return list(OutboundMessage.objects.bulk_create(rows))


def connect_vendor(client: Client, sandbox: Vendor, dialect: str = "go", **fields: Any) -> Integration:
    """The client's integration, pointed at the sandbox."""
    integration = make_integration(client, api_url=sandbox.api_url(dialect), api_token=GO_TOKEN, **fields)
    if dialect != "go":
        with service_scope(reason="test rows"):
            integration.config = {**integration.config, "dialect": dialect}
            integration.save()
    return integration


def make_talk(client: Client, *, wa_id: str | None = None) -> Conversation:
    """A conversation; with `wa_id`, WhatsApp knows the person by other digits than their phone's."""
    conversation = make_conversation(client)
    if wa_id:
        with service_scope(reason="test rows"):
            conversation.contact.wa_id = wa_id
            conversation.contact.save()
    return conversation


def wait_until(condition: Callable[[], Any], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def in_background(work: Callable[[], Any], *, seconds: float = 20) -> Iterator[Future[Any]]:
    """Run `work` in a thread while the block runs, then wait for it; what it raised is raised."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(seconds)
    outcome.result(0)


@contextmanager
def dispatcher_running(priority: OutboundMessage.Priority = NORMAL) -> Iterator[None]:
    """A worker that sends what is queued as long as the block runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            dispatcher.dispatch(priority)

    with in_background(work):
        try:
            yield
        finally:
            stop.set()


def idle_in_transaction() -> int:
    """How many of the runtime's sessions hold a transaction open while they do nothing."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as watcher:
        found = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def closed_port() -> int:
    """A loopback port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def http_answer(body: bytes | str | Any, status: str = "200 OK", *headers: str) -> bytes:
    """The bytes of an HTTP response that ends its connection."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Written(io.StringIO):
    """What the logs' handler wrote."""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]
