"""The ledger lies in months, that are made ahead and dropped whole; what matched once stays known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from renum import clock
from renum.accounts.scope import profile_scope, service_scope
from tests import factories
from tests.cast import Cast
from triggers.engine.matching import match_due
from triggers.engine.parts import MONTHS_AHEAD, keep_parts
from triggers.models import TriggerExecution, TriggerOccurrence
from triggers.tests.helpers import change, executions, idle_for, sweep

LONG_AGO = datetime(2020, 3, 15, tzinfo=UTC)


def parts() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'trigger_executions'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def month(at: datetime) -> str:
    return f"trigger_executions_{at:%Y_%m}"


@pytest.fixture
def owner(committed_cast: Cast) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection, and a part for a month long ago."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connected:
        connected.execute(
            "CREATE TABLE ledger.trigger_executions_2020_03 PARTITION OF trigger_executions"
            " FOR VALUES FROM ('2020-03-01 00:00+00') TO ('2020-04-01 00:00+00')"
        )
        yield connected
        connected.execute("DROP TABLE IF EXISTS ledger.trigger_executions_2020_03")


@pytest.mark.django_db
def test_the_months_of_a_year_are_there_and_a_rest() -> None:
    ahead = {month(clock.now() + timedelta(days=28 * number)) for number in range(MONTHS_AHEAD)}
    assert ahead | {"trigger_executions_rest"} <= parts()


def test_a_month_that_nobody_keeps_is_dropped_whole(committed_cast: Cast, owner: Any) -> None:
    talk = factories.make_conversation(committed_cast.acme)
    trigger = factories.make_trigger(committed_cast.acme)
    old = factories.make_execution(trigger, talk, created_at=LONG_AGO, occurrence=LONG_AGO)
    new = factories.make_execution(trigger, talk)
    assert keep_parts(clock.now()) == 1
    assert "trigger_executions_2020_03" not in parts()
    assert [one.id for one in executions()] == [new.id]
    with service_scope(reason="test"):
        assert TriggerOccurrence.objects.filter(execution_id=old.id).exists()
    assert keep_parts(clock.now()) == 0


def test_a_client_that_keeps_more_keeps_the_month(committed_cast: Cast, owner: Any) -> None:
    factories.make_conversation_policy(committed_cast.globex, event_days=3650)
    assert keep_parts(clock.now()) == 0
    assert "trigger_executions_2020_03" in parts()


def test_nothing_young_is_dropped_whatever_is_asked(committed_cast: Cast) -> None:
    before = parts()
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT keep_ledger_parts(0, %s)", [clock.now() + timedelta(days=3650)])
        assert cursor.fetchone() == (0,)
    assert parts() == before


def test_rows_that_came_before_their_month_move_into_it(cast: Cast) -> None:
    far = clock.now() + timedelta(days=31 * 20)
    talk = factories.make_conversation(cast.acme)
    execution = factories.make_execution(factories.make_trigger(cast.acme), talk, created_at=far)
    assert month(far) not in parts()
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT keep_ledger_parts(24, NULL)")
        cursor.execute(
            "SELECT tableoid::regclass::text FROM trigger_executions WHERE id = %s", [execution.id]
        )
        assert cursor.fetchone() == (f"ledger.{month(far)}",)


def test_i2_what_matched_does_not_match_again_when_its_row_is_gone(cast: Cast) -> None:
    factories.make_integration(cast.acme)
    factories.make_trigger(cast.acme)
    talk = idle_for(cast.acme, days=4)
    sweep()
    with service_scope(reason="test"):
        assert TriggerExecution.objects.all().delete()[0] == 1
        assert TriggerOccurrence.objects.count() == 1
    change(talk, last_message_at=talk.last_message_at, updated_at=clock.now())  # as if nothing had been sent
    assert match_due(clock.now()) == 0
    factories.make_trigger(cast.acme)
    assert match_due(clock.now()) == 1  # of the other trigger


def test_i6_the_parts_are_out_of_reach_and_the_ledger_is_walled(cast: Cast) -> None:
    talk = factories.make_conversation(cast.acme)
    factories.make_execution(factories.make_trigger(cast.acme), talk)
    with profile_scope(cast.bob.id):
        assert not TriggerExecution.objects.exists()
    with profile_scope(cast.alice.id):
        assert TriggerExecution.objects.count() == 1
    for bind in (service_scope(reason="test"), profile_scope(cast.alice.id)):
        with bind, pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            TriggerExecution.objects.raw("SELECT * FROM ledger.trigger_executions_rest")[0]


def test_i6_only_the_service_scope_keeps_the_parts(cast: Cast) -> None:
    with (
        profile_scope(cast.alice.id),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT keep_ledger_parts(0, now())")
