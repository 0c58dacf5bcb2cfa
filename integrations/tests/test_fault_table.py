"""What becomes of a message, or of a read, whatever befalls its vendor: one table, fault by fault.

`tries`: rows in the ledger; four are the first and the three retries, one means that nobody tries again.
`arrived`: how many requests with the message the vendor saw. A message that may have left is never
repeated; one that certainly did not take effect is tried again after 1, 5 and 25 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest
from rest_framework.test import APIClient

from integrations import providers
from integrations.models import DeliveryState, OutboundMessage
from integrations.tests import faults
from integrations.tests.databases import READER, READER_PASSWORD, door, prepare_tables
from integrations.tests.faults import (
    QUERY_WORDS,
    RETRY_AFTER,
    SMTP_REPLIES,
    UNREACHABLE,
    Place,
    arrived,
    sessions_of,
)
from integrations.tests.helpers import (
    Clock,
    Vendor,
    attempts_of,
    dispatch,
    events_about,
    idle_in_transaction,
    noted,
    reread,
    reread_integration,
    wait_until,
)
from integrations.tests.vendors import DATABASES, SENDERS, WHATSAPP, connect, kind_of, queue
from renum.accounts.scope import service_scope
from renum.security.tests.peers import listening
from renum.security.tests.resolver import Names
from tests.cast import Cast


class Fate(NamedTuple):
    state: str
    reason: str
    tries: int
    arrived: int


# fmt: off
OVER_HTTP = {
    #                     state      reason                  tries  arrived
    "connect-refused":   ("failed",  "CONNECTION_FAILED",    4,     0),
    "dns-failure":       ("failed",  "CONNECTION_FAILED",    4,     0),
    "tls-failure":       ("failed",  "CONNECTION_FAILED",    4,     0),
    "hang-before-bytes": ("failed",  "CONNECTION_FAILED",    4,     0),
    "400":               ("failed",  "REJECTED",             1,     1),
    "401":               ("failed",  "INVALID_CREDENTIALS",  1,     1),
    "403":               ("failed",  "INVALID_CREDENTIALS",  1,     1),
    "404":               ("failed",  "REJECTED",             1,     1),
    "413":               ("failed",  "REJECTED",             1,     1),
    "429":               ("failed",  "RATE_LIMIT_EXCEEDED",  4,     4),
    "500":               ("failed",  "CONNECTION_FAILED",    4,     4),
    "502":               ("failed",  "CONNECTION_FAILED",    4,     4),
    "503":               ("failed",  "CONNECTION_FAILED",    4,     4),
    "504":               ("unknown", "TIMED_OUT",            1,     1),
    "hang-after-bytes":  ("unknown", "TIMED_OUT",            1,     1),
    "garbage-200":       ("unknown", "PROTOCOL_ERROR",       1,     1),
    "cut-body":          ("unknown", "TIMED_OUT",            1,     1),
}
# A mail server says no with a reply at some stage, see `SMTP_REPLIES`: most before the mail itself is sent.
OVER_SMTP = {
    **OVER_HTTP,
    #                     state      reason                  tries  arrived
    "400":               ("failed",  "REJECTED",             1,     0),
    "401":               ("failed",  "INVALID_CREDENTIALS",  1,     0),
    "403":               ("failed",  "REJECTED",             1,     0),  # about the sender's address, not about the password
    "404":               ("failed",  "REJECTED",             1,     0),
    "429":               ("failed",  "RATE_LIMIT_EXCEEDED",  4,     0),
    "502":               ("failed",  "CONNECTION_FAILED",    4,     0),
    "503":               ("failed",  "CONNECTION_FAILED",    4,     0),
    "504":               ("failed",  "CONNECTION_FAILED",    4,     4),
}
# fmt: on
# 404 there: the address is not the vendor's. No number and no mailbox is meant by it.
NO_SUCH_VENDOR = {"404": ("failed", "MISCONFIGURED", 1, 1)}
FATES: dict[str, dict[str, tuple[str, str, int, int]]] = {
    "uazapi-go": OVER_HTTP,
    "uazapi-v1": OVER_HTTP,
    "evolution": OVER_HTTP | NO_SUCH_VENDOR,
    "sendgrid": {
        **OVER_HTTP,
        **NO_SUCH_VENDOR,
        "403-unverified-sender": ("failed", "MISCONFIGURED", 1, 1),  # the key itself is in order
    },
    "smtp": OVER_SMTP,
}

WAITS = ((1, 0.2), (5, 1), (25, 5))  # seconds, and how far they may be off
DAY = 24 * 3600.0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@contextmanager
def befalling(sender: str, fault: str, sandbox: Vendor) -> Iterator[Place]:
    if fault in UNREACHABLE:
        with faults.unreachable(fault) as place:
            yield place
    elif sender == "smtp":
        with faults.mail_server(sandbox, fault) as place:
            yield place
    else:
        faults.script_http(sandbox, fault)
        yield Place(httpx.URL(sandbox.url).port or 80)


def deliver(message: OutboundMessage, clock: Clock) -> list[float]:
    """Dispatch until the message has ended, each time it is due; returns the seconds in between."""
    waits: list[float] = []
    assert dispatch() == 1
    while (row := reread(message)).state == "queued":
        waits.append((row.next_attempt_at - clock.now()).total_seconds())
        if len(waits) == 1:
            clock.advance(waits[0] - 0.001)
            assert dispatch() == 0  # not a moment early
            clock.advance(0.001)
        else:
            clock.advance(waits[-1])
        assert dispatch() == 1
        assert len(waits) < 10
    return waits


def test_every_provider_and_every_fault_is_in_the_table() -> None:
    kinds = {kind_of(vendor) for vendor in (*FATES, *ANSWERS)}
    assert kinds == set(providers.REGISTRY)
    assert all(set(faults_) >= set(OVER_HTTP) for faults_ in (*FATES.values(), *ANSWERS.values()))
    assert len(OVER_HTTP) == 17


CASES = [(sender, fault) for sender in SENDERS for fault in FATES[sender]]


@pytest.mark.parametrize(("sender", "fault"), CASES, ids=[f"{sender}-{fault}" for sender, fault in CASES])
def test_i3_a_message_ends_as_the_table_says(
    sender: str,
    fault: str,
    committed_cast: Cast,
    clock_stands: Clock,
    environment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    sandbox: Vendor,
    names: Names,
) -> None:
    fate = Fate(*FATES[sender][fault])
    if fault.startswith("hang"):
        environment(provider_timeout_seconds=0.4)
    with befalling(sender, fault, sandbox) as place:
        integration = connect(
            committed_cast.acme, sender, monkeypatch, host=place.host, port=place.port, tls=place.tls
        )
        words = f"recado {uuid4().hex}"
        message = queue(integration, words)
        waits = deliver(message, clock_stands)

        row = reread(message)
        assert (row.state, row.reason_code, row.attempts) == fate[:3]
        assert row.body is None and row.recipient is None and row.lease_token is None
        assert row.finished_at == clock_stands.now() and row.sent_at is None
        if sender in WHATSAPP:
            assert noted(message).state == fate.state
        assert [event.kind for event in events_about(message)] == [f"message_{fate.state}"]

        tried = attempts_of(message)
        assert [attempt.outcome for attempt in tried] == ["retry"] * (fate.tries - 1) + [fate.state]
        assert {attempt.error_code for attempt in tried} == {fate.reason}
        assert {attempt.http_status for attempt in tried} == {status_of(sender, fault)}
        assert all(attempt.finished_at for attempt in tried)
        if fault == "429" and sender != "smtp":
            assert waits == [RETRY_AFTER] * 3
        else:
            assert len(waits) == fate.tries - 1
            assert all(abs(wait - middle) <= off for wait, (middle, off) in zip(waits, WAITS, strict=False))

        assert arrived(sandbox, place, words) == fate.arrived
        clock_stands.advance(DAY)
        assert dispatch() == 0
        assert arrived(sandbox, place, words) == fate.arrived

    broken = fate.reason == "INVALID_CREDENTIALS"
    assert reread_integration(integration).status == ("error" if broken else "connected")
    with service_scope(reason="test"):  # one message alone does not interrupt its connection
        assert not DeliveryState.objects.filter(integration=integration, open_until__isnull=False).exists()
    assert idle_in_transaction() == 0


def status_of(sender: str, fault: str) -> int | None:
    """What the ledger keeps of the vendor's answer."""
    if sender == "smtp":
        return SMTP_REPLIES[fault][1] if fault in SMTP_REPLIES else None
    return int(fault[:3]) if fault[0].isdigit() else 200 if fault == "garbage-200" else None


# --- reads of a client's database -----------------------------------------------------------------

# What the client of ours is told: status, error code, and how many queries reached the database. None is
# ever repeated: a read is asked for by somebody who waits for it.
# fmt: off
READS = {
    #                     status  error code              arrived
    "connect-refused":   (502,    "CONNECTION_FAILED",    0),
    "dns-failure":       (502,    "CONNECTION_FAILED",    0),
    "tls-failure":       (502,    "CONNECTION_FAILED",    0),
    "hang-before-bytes": (502,    "CONNECTION_FAILED",    0),
    "401":               (400,    "INVALID_CREDENTIALS",  1),
    "403":               (400,    "INVALID_CREDENTIALS",  1),
    "429":               (502,    "CONNECTION_FAILED",    1),
    "500":               (502,    "CONNECTION_FAILED",    1),
    "502":               (502,    "CONNECTION_FAILED",    1),
    "503":               (502,    "CONNECTION_FAILED",    1),
    "504":               (502,    "CONNECTION_FAILED",    1),
    "hang-after-bytes":  (502,    "CONNECTION_FAILED",    1),
    "garbage-200":       (502,    "CONNECTION_FAILED",    1),
    "cut-body":          (502,    "CONNECTION_FAILED",    1),
}
# fmt: on
ANSWERS: dict[str, dict[str, tuple[int, str, int]]] = {
    "supabase": {
        **READS,
        "400": (400, "REJECTED", 1),
        "404": (502, "CONNECTION_FAILED", 1),  # without PostgREST's code: not a project's address
        "413": (400, "REJECTED", 1),
    },
    # Postgres has SQLSTATEs instead, see `POSTGRES_REFUSALS`. Who is turned away at the door asks nothing.
    "postgres": {
        **READS,
        "400": (400, "INVALID_QUERY", 1),
        "401": (400, "INVALID_CREDENTIALS", 0),
        "403": (400, "PERMISSION_DENIED", 1),
        "404": (400, "TABLE_NOT_FOUND", 1),
        "413": (400, "RESULT_TOO_LARGE", 1),
        "429": (502, "CONNECTION_FAILED", 0),
        "502": (502, "CONNECTION_FAILED", 0),
        "503": (502, "CONNECTION_FAILED", 0),
    },
}
QUERY = "/api/integrations/database/query"
PROBE = {"table": "provas", "columns": ["id"], "limit": 1}
READ_CASES = [(database, fault) for database in DATABASES for fault in ANSWERS[database]]


@pytest.fixture(scope="module")
def front() -> Iterator[int]:
    """The port of a client's Postgres."""
    prepare_tables()
    with listening(door()) as peer:
        yield peer.port


@contextmanager
def failing_database(database: str, fault: str, sandbox: Vendor, front: int) -> Iterator[Place]:
    if database == "postgres":
        with faults.postgres(fault, front) as place:
            yield place
    elif fault in UNREACHABLE:
        with faults.unreachable(fault) as place:
            yield place
    else:
        faults.script_http(sandbox, fault, path="/rest/v1")
        yield Place(httpx.URL(sandbox.url).port or 80)


@pytest.mark.parametrize(
    ("database", "fault"), READ_CASES, ids=[f"{kind}-{fault}" for kind, fault in READ_CASES]
)
def test_a_read_is_answered_as_the_table_says(
    database: str,
    fault: str,
    committed_cast: Cast,
    api: Callable[..., APIClient],
    environment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    sandbox: Vendor,
    front: int,
    names: Names,
) -> None:
    alice = api(committed_cast.alice)
    if fault.startswith("hang") or fault == "504":
        environment(provider_timeout_seconds=0.4)
    with failing_database(database, fault, sandbox, front) as place:
        connect(committed_cast.acme, database, monkeypatch, host=place.host, port=place.port, tls=place.tls)
        query = PROBE | (faults.POSTGRES_QUERIES.get(fault, {}) if database == "postgres" else {})
        response = alice.post(QUERY, query, format="json")

        status, code, asked = ANSWERS[database][fault]
        body = response.json()
        assert (response.status_code, body["error_code"]) == (status, code), body
        assert set(body) == {"success", "error", "error_code", "details", "timestamp"}
        assert body["success"] is False and body["error"]
        assert READER_PASSWORD not in response.content.decode()
        if database == "postgres":
            assert sum(QUERY_WORDS in heard for peer in place.peers for heard in peer.heard) == asked
        else:
            assert len(sandbox.journal(provider="supabase")) == asked
    wait_until(lambda: idle_in_transaction() == 0 and sessions_of(READER) == 0)
