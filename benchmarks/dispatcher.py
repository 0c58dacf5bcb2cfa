"""Outbox → sent → recorded, many clients, provider at 50 ms, against bare aiohttp with as many in flight."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import psutil

from benchmarks.servers import databases, free_port, serving, set_up_django

CLIENTS, CONTACTS = 200, 5
ROUNDS, MESSAGES = 5, 5_000
IN_FLIGHT = 100
TEXT = "Olá! Sua consulta está marcada para quinta-feira às 15h. Podemos confirmar?"
BUDGET, GROWTH = 0.5, 1.1

_numbers = itertools.count()


def run() -> bool:
    """Print the figures; True if the budgets are kept."""
    with databases() as env, _provider(env) as port:
        set_up_django()
        conversations = _connect(f"http://127.0.0.1:{port}")
        rates: dict[str, list[float]] = {"ours": [], "bare": []}
        memory = []
        for number in range(ROUNDS + 1):
            order = [("ours", _ours), ("bare", _bare)]
            for name, work in order if number % 2 else reversed(order):
                rate = work(port, conversations)
                if number:  # the first warms up
                    rates[name].append(rate)
            memory.append(psutil.Process().memory_info().rss / 2**20)
        return _report(rates, memory)


@contextmanager
def _provider(env: dict[str, str]) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.slow_provider", str(port)]
    with serving(argv, port, env):
        yield port


def _connect(api_url: str) -> list[Any]:
    """Clients with a number each, and people who wrote to them."""
    from renum.accounts.models import Client, Profile
    from renum.accounts.scope import service_scope
    from tests import factories

    conversations = []
    for number in range(CLIENTS):
        with service_scope(reason="benchmark"):
            profile = Profile.objects.create(email=f"bench-{number}@bench.test", password="!")
            client = Client.objects.create(profile=profile, name=f"Bench {number}")
        integration = factories.make_integration(client, api_url=api_url, daily_limit=10_000_000)
        for _ in range(CONTACTS):
            conversations.append((factories.make_conversation(client), integration))
    return conversations


def _ours(port: int, conversations: list[Any]) -> float:
    from integrations.delivery.dispatcher import dispatch
    from integrations.models import OutboundMessage
    from renum.accounts.scope import service_scope

    _queue(conversations)
    started = time.perf_counter()
    attempts = dispatch(OutboundMessage.Priority.HIGH, run_seconds=600).attempts
    taken = time.perf_counter() - started
    with service_scope(reason="benchmark"):
        left = OutboundMessage.objects.exclude(state="sent").values_list("state", "reason_code")
        assert attempts == MESSAGES and not left, (attempts, Counter(left))
    return MESSAGES / taken


def _queue(conversations: list[Any]) -> None:
    """As `enqueue_message` leaves them, in bulk."""
    from integrations.models import OutboundMessage
    from renum.accounts.scope import service_scope
    from renum.conversations.models import Message

    rows, notes = [], []
    for conversation, integration in itertools.islice(itertools.cycle(conversations), MESSAGES):
        row = OutboundMessage(
            id=uuid.uuid4(),
            client_id=conversation.client_id,
            integration=integration,
            conversation=conversation,
            channel="whatsapp",
            recipient=str(conversation.contact.phone).removeprefix("+"),
            recipient_index=conversation.contact.phone_index,
            body={"text": TEXT},
            idempotency_key=f"bench:{next(_numbers)}",
            fingerprint="0" * 64,
            priority=OutboundMessage.Priority.HIGH,
        )
        rows.append(row)
        notes.append(
            Message(
                id=row.id,
                client_id=row.client_id,
                conversation=conversation,
                direction="outbound",
                author="agent",
                state="queued",
                length=len(TEXT),
            )
        )
    with service_scope(reason="benchmark"):
        OutboundMessage.objects.bulk_create(rows, batch_size=1000)
        Message.objects.bulk_create(notes, batch_size=1000)


def _bare(port: int, _: list[Any]) -> float:
    return asyncio.run(_post_all(f"http://127.0.0.1:{port}/send/text"))


async def _post_all(url: str) -> float:
    """The least that sending can be: as many requests in flight, each answer read, nothing kept."""
    left = iter(range(MESSAGES))

    async def send_some(session: aiohttp.ClientSession) -> None:  # noqa: TID251  the yardstick
        for number in left:
            body = {"number": f"55119{number:08}", "track_id": str(uuid.uuid4()), "text": TEXT}
            async with session.post(url, json=body) as answer:
                assert (await answer.json())["messageid"]

    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:  # noqa: TID251
        started = time.perf_counter()
        await asyncio.gather(*(send_some(session) for _ in range(IN_FLIGHT)))
        return MESSAGES / (time.perf_counter() - started)


def _report(rates: dict[str, list[float]], memory: list[float]) -> bool:
    # Of each pair, since the machine's speed may change between them.
    ratio = statistics.median(ours / bare for ours, bare in zip(rates["ours"], rates["bare"], strict=True))
    growth = memory[-1] / memory[1]
    print(f"dispatcher: {os.cpu_count()} cores, one process, {CLIENTS} clients, {IN_FLIGHT} in flight, 50 ms")
    for name in ("ours", "bare"):
        each = " ".join(f"{rate:,.0f}" for rate in rates[name])
        print(f"  {name}: {statistics.median(rates[name]):,.0f} messages/s (rounds: {each})")
    print(f"  median ratio of the pairs {ratio:.0%}, budget {BUDGET:.0%}")
    print(
        f"  memory after {MESSAGES * (ROUNDS + 1):,} messages {memory[-1]:.0f} MiB, "
        f"after the first {2 * MESSAGES:,} {memory[1]:.0f} MiB: × {growth:.2f}, budget {GROWTH}"
    )
    return ratio >= BUDGET and growth <= GROWTH


if __name__ == "__main__":
    raise SystemExit(not run())
