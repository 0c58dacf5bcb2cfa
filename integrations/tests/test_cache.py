"""Integrations in Redis: ciphertext, for five minutes, and never older than the last write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from redis import Redis
from rest_framework.test import APIClient

from integrations import cache, selectors, services
from integrations.models import Integration
from integrations.tests.contracts import (
    accepted,
    make_connection,
    patch,
    post,
    refused,
    uazapi_body,
)
from integrations.tests.helpers import (
    GO_TOKEN,
    Clock,
    Vendor,
    closed_port,
    connect_vendor,
    dispatch,
    in_background,
)
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from tests.cast import Cast
from tests.factories import make_conversation, make_outbound

STATUS, TEST, CONFIGURE = (f"/api/integrations/whatsapp/{verb}" for verb in ("status", "test", "configure"))


@pytest.fixture
def redis(settings: Any) -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as connected:
        yield connected


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


@pytest.fixture
def integration(committed_cast: Cast, sandbox: Vendor) -> Integration:
    return connect_vendor(committed_cast.acme, sandbox)


def find(integration: Integration) -> Integration | None:
    with service_scope(reason="test"):
        return cache.find_integration(integration.client_id, integration.type)


def key_of(redis: Redis, integration: Integration) -> Any:
    """The one key in Redis that is about the integration's place."""
    found: Any = redis.keys(f"*integration:{integration.client_id}:{integration.type}")
    return found[0] if found else None


def queries(work: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    return [one["sql"] for one in captured if 'FROM "integrations"' in one["sql"]]


# --- what is there --------------------------------------------------------------------------------


def test_i7_what_redis_holds_is_ciphertext(integration: Integration, redis: Redis) -> None:
    assert find(integration) is not None
    raw: Any = redis.get(key_of(redis, integration))
    assert b"enc:" in raw
    digits = integration.settings.phone_number.get_secret_value()
    for hidden in (GO_TOKEN, digits, digits[-8:], str(integration.webhook_key), integration.token_index):
        assert hidden.encode() not in raw
    for name in (b"webhook_key", b"candidate_config", b"previous_config"):
        assert name not in raw
    known = find(integration)
    assert known is not None
    assert known.settings == integration.settings  # and opens for its own row all the same


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "smtp",
            {
                "host": "localhost",
                "port": 25,
                "security": "plain",
                "username": "u",
                "password": "the-secret-word",
            },
        ),
        ("sendgrid", {"api_key": "the-secret-word"}),
        ("supabase", {"supabase_url": "http://127.0.0.1:9", "supabase_key": "the-secret-word"}),
        ("postgres", {"host": "127.0.0.1", "database": "d", "username": "u", "password": "the-secret-word"}),
    ],
)
def test_i7_no_kind_of_connection_leaves_its_secret_in_redis(
    committed_cast: Cast, redis: Redis, kind: str, values: dict[str, Any]
) -> None:
    sender = {"from_email": "a@acme.example"} if kind in ("smtp", "sendgrid") else {}
    made = make_connection(committed_cast.acme, kind, {**values, **sender})
    assert find(made) is not None
    raw: Any = redis.get(key_of(redis, made))
    assert b"enc:" in raw and b"the-secret-word" not in raw


def test_it_is_there_for_five_minutes(integration: Integration, redis: Redis) -> None:
    find(integration)
    assert 290 < int(redis.ttl(key_of(redis, integration))) <= 300  # type: ignore[arg-type]
    assert cache.SECONDS == 300


def test_a_second_look_asks_the_database_nothing(integration: Integration) -> None:
    assert len(queries(lambda: find(integration))) == 1
    assert queries(lambda: find(integration)) == []


def test_what_is_not_there_is_not_remembered(committed_cast: Cast, sandbox: Vendor) -> None:
    with service_scope(reason="test"):
        assert cache.find_integration(committed_cast.acme.id, "whatsapp") is None
    made = connect_vendor(committed_cast.acme, sandbox)
    found = find(made)
    assert found is not None and found.id == made.id


def test_i6_a_place_in_redis_belongs_to_a_client(
    committed_cast: Cast, api: Callable[..., APIClient], integration: Integration
) -> None:
    accepted(api(committed_cast.alice).get(STATUS))
    refused(api(committed_cast.bob).get(STATUS), 404, "INTEGRATION_NOT_FOUND")
    refused(
        api(committed_cast.bob).get(f"{STATUS}?client_id={committed_cast.acme.id}"), 404, "CLIENT_NOT_FOUND"
    )


# --- every write ----------------------------------------------------------------------------------


def _scope() -> Any:
    return service_scope(reason="test")


def configure(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    accepted(post(alice, CONFIGURE, uazapi_body(sandbox.api_url(), api_token=GO_TOKEN)))


def check(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    accepted(post(alice, TEST))


def check_in_vain(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    sandbox.script({"kind": "status", "status": 401, "path": "/status"})
    refused(post(alice, TEST), 400, "INVALID_CREDENTIALS")


def change(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    accepted(patch(alice, f"/api/integrations/{one.id}", {"daily_limit": 7}))


def disable(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    accepted(post(alice, f"/api/integrations/{one.id}/disable"))


def switch_in_the_console(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    with _scope():
        assert services.change_integrations([one], {"enabled": False}, cause=Cause())


def pause_in_the_console(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    with _scope():
        assert services.change_integrations([one], {"paused": True}, cause=Cause())


def remove(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    accepted(alice.delete(f"/api/integrations/{one.id}"))


def log_out(alice: APIClient, one: Integration, sandbox: Vendor) -> None:
    """The vendor refuses a message because of the credentials."""
    sandbox.script({"kind": "status", "status": 401})
    make_outbound(make_conversation(one.client), integration=one)
    assert dispatch() == 1


WRITES = [
    configure,
    check,
    check_in_vain,
    change,
    disable,
    switch_in_the_console,
    pause_in_the_console,
    remove,
    log_out,
]


def seen(found: Integration | None) -> Any:
    """What a reader could tell apart."""
    if found is None:
        return None
    return {name: found.__dict__[name] for name in cache._FIELDS}


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_after_a_write_nobody_is_given_the_old_one(
    alice: APIClient,
    integration: Integration,
    sandbox: Vendor,
    clock_stands: Clock,
    write: Callable[[APIClient, Integration, Vendor], None],
) -> None:
    old = seen(find(integration))
    assert seen(find(integration)) == old
    write(alice, integration, sandbox)
    with service_scope(reason="test"):
        row = Integration.objects.current().filter(id=integration.id).first()
    assert seen(row) != old  # or the test could not tell
    for _ in range(3):
        assert seen(find(integration)) == seen(row)


def test_the_status_is_that_of_the_last_check(
    alice: APIClient, integration: Integration, sandbox: Vendor
) -> None:
    assert accepted(alice.get(STATUS))["status"] == "connected"
    check_in_vain(alice, integration, sandbox)
    assert accepted(alice.get(STATUS))["status"] == "error"


def test_a_write_that_is_rolled_back_leaves_what_was_there(integration: Integration) -> None:
    old = seen(find(integration))
    with pytest.raises(RuntimeError), transaction.atomic(), service_scope(reason="test"):
        services.change_integrations([integration], {"enabled": False}, cause=Cause())
        raise RuntimeError
    assert queries(lambda: find(integration)) == []
    assert seen(find(integration)) == old


def test_a_reader_who_saw_the_old_row_cannot_put_it_back(
    alice: APIClient, integration: Integration, sandbox: Vendor, redis: Redis
) -> None:
    """It read the row before the write, and is held up until after it."""
    has_read, go_on = threading.Event(), threading.Event()

    def pause(execute: Any, sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if 'FROM "integrations"' in sql:
            has_read.set()
            assert go_on.wait(10)
        return result

    def read() -> Any:
        with connection.execute_wrapper(pause):
            return find(integration)

    with in_background(read) as late:
        assert has_read.wait(10)
        change(alice, integration, sandbox)
        go_on.set()
    assert late.result().daily_limit == 1000  # what it saw itself
    for _ in range(2):
        found = find(integration)
        assert found is not None and found.daily_limit == 7


def test_the_place_is_free_again_a_moment_after_a_write(
    alice: APIClient, integration: Integration, sandbox: Vendor, redis: Redis
) -> None:
    find(integration)
    change(alice, integration, sandbox)
    key = key_of(redis, integration)
    assert 0 < int(redis.pttl(key)) <= 5000  # type: ignore[arg-type]
    redis.delete(key)  # as its end does
    assert len(queries(lambda: find(integration))) == 1
    assert queries(lambda: find(integration)) == []


# --- without Redis --------------------------------------------------------------------------------


@pytest.fixture
def no_redis(settings: Any) -> None:
    nowhere = f"redis://127.0.0.1:{closed_port()}/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": nowhere}}


def test_with_redis_down_the_database_is_asked(
    alice: APIClient, integration: Integration, sandbox: Vendor, no_redis: None
) -> None:
    for _ in range(2):
        assert len(queries(lambda: find(integration))) == 1
    change(alice, integration, sandbox)
    found = find(integration)
    assert found is not None and found.daily_limit == 7
    assert accepted(alice.get(STATUS))["status"] == "connected"


def test_with_redis_flushed_the_database_is_asked(integration: Integration, redis: Redis) -> None:
    find(integration)
    redis.delete(key_of(redis, integration))
    assert len(queries(lambda: find(integration))) == 1


def test_what_sends_never_asks_redis(
    committed_cast: Cast, alice: APIClient, integration: Integration, sandbox: Vendor, redis: Redis
) -> None:
    """A configuration that Redis still has wrong, since it did not hear of the write, sends nothing."""
    find(integration)
    with service_scope(reason="test rows"):
        Integration.objects.filter(id=integration.id).update(enabled=False)
    found = find(integration)
    assert found is not None and found.enabled  # the old one
    body = {"phone": "+5511987654321", "message": "Olá"}
    refused(post(alice, "/api/integrations/whatsapp/send", body), 409, "INTEGRATION_DISABLED")
    with service_scope(reason="test"):
        assert not selectors.get_integration_by_id(committed_cast.acme.id, integration.id).enabled
