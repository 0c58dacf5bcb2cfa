"""Signed webhook → committed → 200, against a bare WSGI app that does only the HMAC and one INSERT."""

from __future__ import annotations

import json
import os
import statistics
import uuid
from datetime import UTC, datetime

import psycopg

from benchmarks.bare_app import TABLE
from benchmarks.load import post_all
from benchmarks.servers import databases, granian, set_up_django

KEY, SECRET = "the-key-of-the-benchmark", "the-secret-of-the-benchmark"
ROUNDS, REQUESTS = 9, 4_000
PROCESSES, THREADS = 2, 32
BUDGET = 0.6


def run() -> bool:
    """Print the figures; True if the budget is kept."""
    unlimited = {"RENUM_WEBHOOKS_PER_MINUTE": "100000000", "RENUM_WEBHOOKS_PER_MINUTE_ADDRESS": "100000000"}
    with databases(**unlimited) as env:
        with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as owner:
            owner.execute(TABLE)
            owner.execute("GRANT INSERT, SELECT ON bare_inbox TO renum_app, renum_service")
        _connect()
        with (
            granian("renum.wsgi:application", env) as ours,
            granian("benchmarks.bare_app:application", {**env, "BENCH_SECRET": SECRET}) as bare,
        ):
            rates = _alternate(ours, bare)
        return _report(rates, env["DATABASE_URL"])


def _connect() -> None:
    """One client with one connection, whose webhooks are signed."""
    set_up_django()
    from tests.cast import create_cast
    from webhooks.tests.helpers import connect

    connect(create_cast().acme, key=KEY, secret=SECRET)


def _alternate(ours: int, bare: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    order = [("ours", ours), ("bare", bare)]
    for number in range(ROUNDS + 1):
        order.reverse()  # so that a machine that gets slower or faster favours neither
        for name, port in order:
            requests = [_request() for _ in range(REQUESTS)]
            seconds, statuses = post_all(port, requests, processes=PROCESSES, threads=THREADS)
            assert statuses == {200: REQUESTS}, f"{name}: {statuses}"
            if number:  # the first warms up
                rates[name].append(REQUESTS / seconds)
    return rates


def _request() -> bytes:
    from webhooks.signatures import sign_body

    payload = {
        "from": f"+55119{uuid.uuid4().int % 10**8:08}",
        "message": "Olá! Gostaria de marcar uma consulta para quinta-feira à tarde, pode ser?",
        "timestamp": datetime.now(UTC).isoformat(),
        "message_id": uuid.uuid4().hex,
    }
    body = json.dumps(payload, ensure_ascii=False).encode()
    head = (
        f"POST /webhooks/uazapi/{KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Webhook-Signature: sha256={sign_body(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _report(rates: dict[str, list[float]], app_url: str) -> bool:
    with psycopg.connect(app_url) as app:
        app.execute("SET ROLE renum_service")
        stored = {
            name: count
            for name, table in (("ours", "inbound_events"), ("bare", "bare_inbox"))
            for (count,) in app.execute(f"SELECT count(*) FROM {table}")
        }
    sent = (ROUNDS + 1) * REQUESTS
    # Of each pair, since the machine's speed may change between them.
    ratio = statistics.median(ours / bare for ours, bare in zip(rates["ours"], rates["bare"], strict=True))
    print(f"webhooks: {os.cpu_count()} cores, granian with 2 processes, {PROCESSES * THREADS} connections")
    for name in ("ours", "bare"):
        each = " ".join(f"{rate:,.0f}" for rate in rates[name])
        print(
            f"  {name}: {statistics.median(rates[name]):,.0f} requests/s (rounds: {each}); {stored[name]:,} rows of {sent:,}"
        )
    print(f"  median ratio of the pairs {ratio:.0%}, budget {BUDGET:.0%}")
    return ratio >= BUDGET and set(stored.values()) == {sent}


if __name__ == "__main__":
    raise SystemExit(not run())
