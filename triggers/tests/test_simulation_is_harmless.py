"""A simulation writes nothing, counts what a sweep then does, and sees no other client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import InternalError, connection
from rest_framework.test import APIClient

from integrations.models import OutboundMessage
from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import profile_scope, service_scope
from renum.conversations.models import Conversation, Message
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from triggers import simulation
from triggers.models import Trigger, TriggerEdge, TriggerExecution, TriggerOccurrence
from triggers.simulation import simulate
from triggers.tests.helpers import delay, executions, fresh, idle_for, outbox, sweep
from triggers.tests.simulations import EVENT, EVERY_KIND, PENDING, ask, draft, numbers
from triggers.tests.test_api import BRIEF
from triggers.tests.test_events import happen

Api = Callable[[Profile | None], APIClient]


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


@pytest.fixture
def alice(cast: Cast, api: Api) -> APIClient:
    return api(cast.alice)


def all_rows() -> dict[Any, int]:
    tables = (OutboundMessage, Message, Event, TriggerExecution, TriggerOccurrence, TriggerEdge, Conversation)
    with service_scope(reason="test"):
        return {table: table.objects.count() for table in tables}


@pytest.mark.parametrize("parts", EVERY_KIND.values(), ids=EVERY_KIND.keys())
def test_writes_nothing_and_leaves_the_transaction_writable(
    acme: Client, alice: APIClient, parts: dict[str, Any]
) -> None:
    idle_for(acme, days=4)
    happen(acme, conversation=factories.make_conversation(acme, status="pending"), intent="x")
    trigger = factories.make_trigger(acme, **parts)
    before = all_rows()
    assert ask(alice, trigger)["action_would_execute"]
    assert draft(
        alice, **{name: value for name, value in parts.items() if name not in ("name", "description")}
    )
    assert all_rows() == before
    assert fresh(trigger).rematch
    factories.make_conversation(acme)


@pytest.mark.parametrize("parts", EVERY_KIND.values(), ids=EVERY_KIND.keys())
def test_works_where_the_database_refuses_every_write(
    acme: Client, cast: Cast, parts: dict[str, Any]
) -> None:
    idle_for(acme, days=4)
    happen(acme, conversation=factories.make_conversation(acme, status="pending"), intent="x")
    trigger = factories.make_trigger(acme, **parts)
    with profile_scope(cast.alice.id), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        assert simulate(acme, trigger.parts, clock.now(), trigger=trigger).action_would_execute


def test_what_tried_to_write_would_be_refused(acme: Client) -> None:
    with (
        pytest.raises(InternalError, match="read-only"),
        service_scope(reason="test"),
        simulation._nothing_written(),
    ):
        Trigger.objects.update(name="x")


def test_i6_counts_the_client_s_own_only(cast: Cast, acme: Client, alice: APIClient) -> None:
    idle_for(cast.globex, days=4)
    happen(cast.globex, conversation=factories.make_conversation(cast.globex, status="pending"), intent="x")
    always = {"condition_type": "always", "condition_config": {}}
    assert numbers(draft(alice)) == (False, False, 0, 0)
    assert numbers(draft(alice, **PENDING)) == (False, False, 0, 0)
    assert numbers(draft(alice, **EVENT, **always)) == (False, False, 0, 0)
    theirs = factories.make_trigger(cast.globex, **BRIEF)
    assert alice.post(f"/api/triggers/{theirs.id}/test").status_code == 404


@pytest.mark.parametrize(
    "trigger_config", [delay(delay_minutes=1), delay(delay_days=3), delay(delay_days=30)]
)
def test_a_draft_counts_what_a_sweep_then_does(
    acme: Client, alice: APIClient, trigger_config: dict[str, Any]
) -> None:
    for number in range(12):
        status = ("open", "pending", "closed")[number % 3]
        factories.make_conversation(
            acme, status=status, last_message_at=clock.now() - timedelta(days=number * 4)
        )
    expected = draft(alice, trigger_config=trigger_config)["affected_conversations"]
    factories.make_trigger(acme, **{**BRIEF, "trigger_config": trigger_config})
    sweep()
    assert len(outbox()) == len(executions()) == expected
