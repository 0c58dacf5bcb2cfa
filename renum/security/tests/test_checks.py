"""A broker that drops what waits is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from renum.redis_client import broker_client
from renum.security.checks import refuse_evicting_broker

ASKED = {"databases": ["default"]}


@pytest.fixture
def broker() -> Iterator[Any]:
    client = broker_client()
    assert client is not None
    yield client
    client.config_set("maxmemory-policy", "noeviction")


def test_a_broker_that_keeps_everything_passes(broker: Any) -> None:
    assert refuse_evicting_broker(**ASKED) == []


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_broker_that_evicts_is_refused(broker: Any, policy: str) -> None:
    broker.config_set("maxmemory-policy", policy)
    (problem,) = refuse_evicting_broker(**ASKED)
    assert (problem.id, problem.is_serious()) == ("renum.E004", True)
    assert policy in problem.msg
    assert refuse_evicting_broker(databases=None) == []  # the services were not asked after


@pytest.mark.parametrize("url", ["redis://127.0.0.1:9/0", "amqp://127.0.0.1:9/"])
def test_a_broker_that_cannot_be_asked_says_nothing(settings: Any, url: str) -> None:
    settings.CELERY_BROKER_URL = url
    broker_client.cache_clear()
    try:
        assert refuse_evicting_broker(**ASKED) == []
    finally:
        broker_client.cache_clear()
