"""Twenty thousand requests that nobody should send, through the application as the server calls it."""

from __future__ import annotations

import io
import random
import sys
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from renum.accounts.scope import service_scope
from renum.api.parsers import parse_json
from tests.cast import Cast
from tests.clocks import MovableClock
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.parsers import uazapi
from webhooks.tests.envelopes import random_bodies
from webhooks.tests.helpers import KEY, SECRET, connect, header_for

SEEDS, REQUESTS = (1, 2, 3, 4), 5_000

ODD_TEXT = ["", " ", "é", "\xff\xfe", "ção", "0" * 64, "sha256=", "x" * 5000, "\x00", "' OR 1=1 --", KEY]
LENGTHS = ["", "0", "-1", "abc", " 7 ", "+3", "1e3", "²", "٣", "9" * 30, "1048577", "5_0"]
TYPES = ["application/json", "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
TYPES += ["multipart/form-data; boundary=x", "application/json; charset=utf-16", "é", "x" * 3000]
PATHS = [f"/webhooks/uazapi/{KEY}"] * 12 + ["/webhooks/uazapi"] * 4 + ["/webhooks/uazapi/no-such-key"]
PATHS += [
    "/webhooks/uazapi/",
    "/webhooks/uazapi/\xff",
    f"/webhooks/sendgrid/{KEY}",
    f"/webhooks/evolution/{KEY}",
]


def make_request(chance: random.Random, body: bytes) -> dict[str, Any]:
    """A WSGI environment: mostly right, with one or two headers that are not."""
    environ = {
        "REQUEST_METHOD": chance.choice(["POST"] * 30 + ["GET", "PUT", "HEAD"]),
        "PATH_INFO": chance.choice(PATHS),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": chance.choice(["127.0.0.1", "203.0.113.9", "2001:db8::1", "", "é"]),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }
    if chance.random() < 0.5:
        environ["HTTP_X_WEBHOOK_SIGNATURE"] = header_for(body)
    odd = {
        "HTTP_X_WEBHOOK_SIGNATURE": ODD_TEXT,
        "HTTP_X_API_KEY": ODD_TEXT,
        "HTTP_X_FORWARDED_FOR": ["1.1.1.1", "é, ,", ODD_TEXT[7]],
        "HTTP_HOST": ["", "é", "a b", "x" * 300],
        "CONTENT_TYPE": TYPES,
        "CONTENT_LENGTH": LENGTHS,
        "HTTP_TRANSFER_ENCODING": ["chunked", "Chunked, gzip", "é"],
        "QUERY_STRING": ["a=%FF", "é", "&&&="],
    }
    for _ in range(chance.choice([0, 0, 1, 2])):
        name = chance.choice(sorted(odd))
        environ[name] = chance.choice(odd[name])
    if chance.random() < 0.02:
        del environ["CONTENT_LENGTH"]
    return environ


def send(environ: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    """Status of the answer, and as much of the body as was read."""
    from renum.wsgi import application

    stream, seen = io.BytesIO(body), []
    answer = application({**environ, "wsgi.input": stream}, lambda status, headers: seen.append(status))
    b"".join(answer)
    if hasattr(answer, "close"):  # as a WSGI server does
        answer.close()
    return int(seen[0].split()[0]), body[: stream.tell()]


@pytest.fixture
def unlimited(settings: Any) -> None:
    limits = {"webhooks_per_minute": 10**6, "webhooks_per_minute_address": 10**6}
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=limits)
    settings.ALLOWED_HOSTS = ["*"]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_is_a_5xx_and_no_row_is_lost(
    committed_cast: Cast, unlimited: None, moving_clock: MovableClock, seed: int
) -> None:
    connect(committed_cast.acme, secret=SECRET)
    chance = random.Random(seed)
    statuses: Counter[int] = Counter()
    expected: set[str] = set()
    nameless = 0
    for body in islice(random_bodies(seed), REQUESTS):
        environ = make_request(chance, body)
        status, read = send(environ, body)
        assert status < 500, (environ, body[:300])
        statuses[status] += 1
        if status == 200:
            assert environ["PATH_INFO"].startswith("/webhooks/uazapi")
            one, other = (uazapi.identify(parse_json(read, mend=True), read) for _ in range(2))
            if one == other:
                expected.add(one.dedup_key)
            else:  # it says nothing that could tell it from the next one: each is an event
                nameless += 1
    assert set(statuses) <= {200, 400, 401, 404, 405, 413}
    assert statuses[200] > REQUESTS / 3, statuses
    with service_scope(reason="test"):
        stored = set(InboundEvent.objects.values_list("dedup_key", flat=True))
        assert InboundEvent.objects.count() == len(stored) == len(expected) + nameless
    assert expected <= stored

    for _ in range(8):  # what may be early is tried again, later and later
        services.process_inbox()
        moving_clock.advance(minutes=2)
    with service_scope(reason="test"):
        ends = Counter(InboundEvent.objects.values_list("state", flat=True))
    print(f"seed {seed}: answers {dict(statuses)}, {len(stored)} events, {dict(ends)}")
    assert set(ends) <= {"done", "ignored"}
