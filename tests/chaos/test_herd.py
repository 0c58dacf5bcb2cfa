"""One event, a thousand times at the same moment, at a real server."""

from __future__ import annotations

import os

from benchmarks.load import post_all
from benchmarks.servers import granian
from tests.cast import Cast
from tests.concurrency import run_together
from webhooks import services
from webhooks.tests.helpers import KEY, connect, encode, go, inbox, text
from webhooks.tests.test_taking_in import ONCE, counts

TIMES = 1000


def test_i2_a_thousand_posts_of_one_event_at_once_have_one_effect(committed_cast: Cast) -> None:
    connect(committed_cast.acme)
    body = encode(go(text("Quero agendar")))
    head = f"POST /webhooks/uazapi/{KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    unlimited = {"RENUM_WEBHOOKS_PER_MINUTE": "1000000", "RENUM_WEBHOOKS_PER_MINUTE_ADDRESS": "1000000"}
    with granian("renum.wsgi:application", {**os.environ, **unlimited}) as port:
        seconds, statuses = post_all(port, [head.encode() + body] * TIMES, processes=4, threads=TIMES // 4)
    print(f"{TIMES} connections answered in {seconds:.1f} s")
    assert statuses == {200: TIMES}
    assert len(inbox()) == 1
    assert sum(run_together(lambda _: services.process_inbox(), 4)) == 1
    assert counts() == ONCE
