"""Workers and Valkey are down while webhooks arrive: none is refused, none is lost, none comes out of order."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import post_all
from benchmarks.servers import free_port, granian
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Message
from renum.environment import BASE_DIR
from renum.events.models import Event
from renum.stack.children import end_group, spawn
from renum.stack.servers import embedded_valkey
from tests.cast import Cast
from webhooks.models import InboundEvent
from webhooks.tests.helpers import KEY, connect, encode, go, text

CONTACTS, EACH, DELIVERIES = 250, 10, 2
PROCESSES, THREADS = 2, 5
DONE_SECONDS = 300


def requests() -> list[bytes]:
    """Each contact's messages in order, each twice, on one connection: `post_all` deals them out one by one."""
    assert CONTACTS % (PROCESSES * THREADS) == 0
    found = []
    for number in range(EACH):
        bodies = [
            encode(go(text(str(number), phone=f"551199{contact:07}", message_id=f"{contact}-{number:02}")))
            for contact in range(CONTACTS)
        ]
        found += [as_request(body) for body in bodies] * DELIVERIES
    return found


def as_request(body: bytes) -> bytes:
    head = f"POST /webhooks/uazapi/{KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def celery(arguments: str, env: Mapping[str, str]) -> Iterator[None]:
    argv = [sys.executable, "-m", "celery", "-A", "renum", *arguments.split()]
    child = spawn(argv, env=env, cwd=BASE_DIR, output=subprocess.DEVNULL)
    try:
        yield
    finally:
        end_group(child)


def pending() -> int:
    with service_scope(reason="test"):
        return InboundEvent.objects.filter(state="pending").count()


def test_i1_what_arrives_while_workers_and_valkey_are_down_is_processed_once_and_in_order(
    committed_cast: Cast,
) -> None:
    connect(committed_cast.acme)
    with tempfile.TemporaryDirectory(prefix="renum-chaos-") as folder:
        with embedded_valkey(Path(folder)) as redis_url:
            pass  # its port and password are known now, and it is down
        env = {**os.environ, "REDIS_URL": redis_url, "RENUM_WEBHOOKS_PER_MINUTE": "1000000"}
        env["RENUM_WEB_PORT"] = str(free_port())
        with granian("renum.wsgi:application", env) as port:
            seconds, statuses = post_all(port, requests(), processes=PROCESSES, threads=THREADS)
        assert statuses == {200: DELIVERIES * CONTACTS * EACH}
        assert pending() == CONTACTS * EACH
        print(f"{sum(statuses.values())} webhooks taken in without Valkey in {seconds:.1f} s")

        worker = "worker --queues high --concurrency 3 --loglevel WARNING --without-mingle --without-gossip"
        beat = (
            "beat --scheduler django_celery_beat.schedulers:DatabaseScheduler --loglevel WARNING --pidfile="
        )
        with embedded_valkey(Path(folder)) as again, celery(worker, env), celery(beat, env):
            assert again == redis_url
            started = time.monotonic()
            while pending():
                assert time.monotonic() - started < DONE_SECONDS, f"{pending()} are still pending"
                time.sleep(0.5)
            print(f"all processed {time.monotonic() - started:.1f} s after Valkey and the workers started")
    check_effects()


def check_effects() -> None:
    with service_scope(reason="test"):
        assert set(InboundEvent.objects.values_list("state", flat=True)) == {"done"}
        assert Contact.objects.count() == CONTACTS
        received = Message.objects.filter(direction=Message.Direction.INBOUND)
        ids = sorted(received.values_list("provider_message_id", flat=True))
        assert ids == sorted(
            f"{contact}-{number:02}" for contact in range(CONTACTS) for number in range(EACH)
        )
        assert Event.objects.filter(kind=Event.Kind.MESSAGE_RECEIVED).count() == CONTACTS * EACH
        keys = list(InboundEvent.objects.order_by("processed_at").values_list("dedup_key", flat=True))
    in_turn = defaultdict(list)
    for key in keys:
        contact, number = key.removeprefix("message:").split("-")
        in_turn[contact].append(int(number))
    assert len(in_turn) == CONTACTS
    assert all(numbers == list(range(EACH)) for numbers in in_turn.values())
