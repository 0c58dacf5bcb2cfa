"""`GET /health`: what works right now."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client as Browser

from renum.celery import QUEUES
from renum.health import canaries
from renum.health.tasks import sing

pytestmark = pytest.mark.django_db


def check() -> tuple[int, dict[str, Any]]:
    response = Browser(raise_request_exception=False).get("/health")
    return response.status_code, response.json()


@pytest.fixture
def singing() -> None:
    for queue in QUEUES:
        canaries.record(queue)


@pytest.fixture
def database_down(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def cursor(self) -> None:
            raise OperationalError("the database is gone")

    monkeypatch.setattr("renum.health.checks.connection", Gone())


@pytest.fixture
def redis_down(settings: Any) -> None:
    broken = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": broken}


def test_everything_is_up(singing: None) -> None:
    status, body = check()
    assert status == 200
    assert set(body) == {"status", "services", "timestamp"}
    assert body["status"] == "healthy"
    assert body["services"] == {"database": "up", "redis": "up", "celery": "up"}
    assert time.strptime(body["timestamp"], "%Y-%m-%dT%H:%M:%SZ")


def assert_down(*names: str) -> None:
    status, body = check()
    assert (status, body["status"]) == (503, "degraded")
    assert body["services"] == {
        name: "down" if name in names else "up" for name in ("database", "redis", "celery")
    }
    assert "gone" not in str(body)


def test_the_database_is_down(singing: None, database_down: None) -> None:
    assert_down("database")


def test_redis_is_down_and_with_it_what_is_known_of_celery(singing: None, redis_down: None) -> None:
    assert_down("redis", "celery")


def test_everything_is_down(database_down: None, redis_down: None) -> None:
    assert_down("database", "redis", "celery")


def test_no_worker_has_ever_served() -> None:
    assert_down("celery")


@pytest.mark.parametrize("queue", QUEUES)
def test_one_queue_without_a_worker_is_enough(singing: None, queue: str) -> None:
    cache.delete(f"canary:{queue}")
    assert_down("celery")


@pytest.mark.parametrize("queue", QUEUES)
def test_one_canary_that_fell_silent_is_enough(singing: None, queue: str) -> None:
    cache.set(f"canary:{queue}", time.time() - canaries.STALE_SECONDS - 1)
    assert_down("celery")
    cache.set(f"canary:{queue}", time.time() - canaries.STALE_SECONDS + 5)
    assert check()[0] == 200


def test_the_canary_sings_for_its_queue() -> None:
    for queue in QUEUES:
        assert not canaries.served(QUEUES)[queue]
        sing(queue)
    assert canaries.served((*QUEUES, "another")) == {**dict.fromkeys(QUEUES, True), "another": False}


def test_needs_no_log_in_and_changes_nothing(singing: None) -> None:
    assert Browser().get("/health", headers={"Authorization": "Bearer nonsense"}).status_code == 200
    assert Browser().post("/health").status_code == 405
