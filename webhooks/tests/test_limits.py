"""How much one client, and one address, may post: exactly so much, over all processes."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from redis import Redis

from renum.api import throttling
from renum.api.throttling import Allowance, use_all
from renum.security.tests.peers import hanging, listening
from tests.cast import Cast
from tests.concurrency import run_together
from webhooks.tests.helpers import KEY, SECRET, TOKEN, connect, encode, go, inbox, post, refusal, v1
from webhooks.tests.test_server import granian, request

LIMITED = {
    "success": False,
    "error": "Muitas requisições. Aguarde um pouco e tente novamente.",
    "error_code": "RATE_LIMIT_EXCEEDED",
    "details": {},
    "status": 429,
}


@pytest.fixture
def allow(settings: Any) -> Callable[..., None]:
    """Set the limits, and trusted proxies."""

    def change(client: int = 1000, address: int = 10_000, proxies: str = "") -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
            update={
                "webhooks_per_minute": client,
                "webhooks_per_minute_address": address,
                "trusted_proxies": proxies,
            }
        )

    return change


def flood(name: str, results: Any) -> None:
    """In a process of its own: many threads that each use an allowance, some of them in groups."""
    throttling._script.cache_clear()
    shared, own = Allowance(f"{name}:shared", 100), Allowance(f"{name}:own", 10_000)

    def work(number: int) -> int:
        waits = use_all([[own, shared]] * (1 + number % 4))
        return sum(not wait for wait in waits)

    found = run_together(work, 24)
    results.put(sum(found) if all(isinstance(one, int) for one in found) else repr(found))


def test_of_many_processes_and_threads_exactly_as_many_get_through_as_may() -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(3):
        results = context.SimpleQueue()
        children = [context.Process(target=flood, args=(f"flood-{attempt}", results)) for _ in range(4)]
        for child in children:
            child.start()
        admitted = [results.get() for _ in children]
        for child in children:
            child.join()
        assert sum(admitted) == 100, admitted


def test_the_window_moves_and_what_is_refused_uses_up_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "WINDOW_SECONDS", 0.4)
    first, second = Allowance("moving:first", 3), Allowance("moving:second", 100)
    assert [wait > 0 for wait in use_all([[first, second]] * 5)] == [False] * 3 + [True] * 2
    with throttling._script().registered_client as redis:
        assert redis.llen("renum:used:moving:second") == 3
    wait = use_all([[first]])[0]
    assert 0 < wait <= 0.4
    time.sleep(wait + 0.05)
    assert use_all([[first]] * 4)[:3] == [0.0] * 3


def test_a_client_s_allowance_is_answered_429_and_is_its_own(
    cast: Cast, allow: Callable[..., None], django_assert_num_queries: Any
) -> None:
    allow(client=3)
    connect(cast.acme, secret=SECRET)
    connect(cast.globex, key="globex-key", token="globex-token")

    assert [post(v1()).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = post(v1())
    assert refusal(answer) == LIMITED
    assert 50 <= int(answer["Retry-After"]) <= 60
    with django_assert_num_queries(0):
        assert post(v1()).status_code == 429
    assert post({**go(), "token": "globex-token"}, key="globex-key").status_code == 200
    assert Counter(event.client_id for event in inbox()) == {cast.acme.id: 3, cast.globex.id: 1}


def test_whoever_cannot_sign_uses_up_nothing_of_the_client_s(cast: Cast, allow: Callable[..., None]) -> None:
    allow(client=2)
    connect(cast.acme, secret=SECRET)
    forged = [post({**v1(), "signature": "0" * 64}) for _ in range(5)]
    assert {answer.status_code for answer in forged} == {401}
    assert [post(v1()).status_code for _ in range(3)] == [200, 200, 429]


def test_an_address_s_allowance_counts_all_it_sends_and_costs_no_query_once_used_up(
    cast: Cast, allow: Callable[..., None]
) -> None:
    allow(address=5)
    connect(cast.acme)
    sent = [post(go()), post(go(), key="no-such-key"), post(b"{", key="no-such-key"), post(b"{"), post(go())]
    assert [answer.status_code for answer in sent] == [200, 401, 401, 400, 200]
    with CaptureQueriesContext(connection) as asked:
        over = [
            post(go()),
            post(go(), key="no-such-key"),
            post(b"{", key=None),
            post({"token": TOKEN}, key=None),
        ]
    assert [refusal(answer) for answer in over] == [LIMITED] * 4
    assert all(int(answer["Retry-After"]) >= 1 for answer in over)
    assert len(asked) == 0
    assert len(inbox()) == 2


def test_another_address_is_not_concerned_and_a_header_makes_no_other(
    cast: Cast, allow: Callable[..., None]
) -> None:
    connect(cast.acme)

    def send(address: str, forwarded: str) -> int:
        headers = {"REMOTE_ADDR": address, "HTTP_X_FORWARDED_FOR": forwarded}
        path, body = f"/webhooks/uazapi/{KEY}", encode(go())
        return Browser().post(path, body, content_type="application/json", **headers).status_code

    allow(address=2)
    assert [send("203.0.113.1", f"198.51.100.{n}") for n in range(3)] == [200, 200, 429]
    assert send("203.0.113.2", "") == 200
    allow(address=2, proxies="192.0.2.0/24")
    assert [send("192.0.2.1", f"198.51.100.{n}") for n in range(4)] == [200] * 4
    assert [send("192.0.2.1", f"{n}.1.1.1, 198.51.100.9") for n in range(3)] == [200, 200, 429]


def test_with_redis_down_or_hanging_everything_gets_through_and_nobody_waits_twice(
    cast: Cast, allow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(client=1, address=1)
    connect(cast.acme, secret=SECRET)
    with listening(hanging) as mute_peer, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for port in (closed.getsockname()[1], mute_peer.port):
            throttling.forget()
            mute = Redis(port=port, **throttling._OPTIONS).register_script(throttling._COUNT)
            monkeypatch.setattr(throttling, "_script", lambda mute=mute: mute)
            started = time.monotonic()
            assert [post(v1()).status_code for _ in range(10)] == [200] * 10
            assert time.monotonic() - started < 5
    monkeypatch.undo()
    assert throttling._paused_until > time.monotonic()
    assert len(inbox()) == 20


def test_of_sixty_posts_to_two_server_processes_exactly_twenty_are_taken(committed_cast: Cast) -> None:
    connect(committed_cast.acme, secret=SECRET)
    with granian(workers=2, RENUM_WEBHOOKS_PER_MINUTE="20") as port:
        path = f"/webhooks/uazapi/{KEY}"
        answers = run_together(lambda _: request(port, "POST", path, encode(v1())), 60)
    assert Counter(status for status, _ in answers) == {200: 20, 429: 40}
    assert len(inbox()) == 20
