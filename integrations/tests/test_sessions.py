"""A number that is logged out and in again: the status follows, and only the change is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import Integration, OutboundMessage
from integrations.services import note_session
from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast

CAUSE = Cause().then("inbound", "1")
Status = Integration.Status

pytestmark = pytest.mark.usefixtures("as_service")


def told() -> list[tuple[str, str]]:
    rows = Event.objects.filter(kind__startswith="integration_").order_by("occurred_at")
    return [(row.kind, row.data["reason"]) for row in rows]


def test_only_changes_are_told_and_the_reason_carries_no_number(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    integration = factories.make_integration(cast.acme, status=Status.CONNECTED)
    reason = "401: logged out from +5511987654321"
    assert note_session(integration, connected=False, reason=reason, cause=CAUSE)
    assert not note_session(integration, connected=False, reason=reason, cause=CAUSE)
    integration.refresh_from_db()
    assert integration.status == Status.DISCONNECTED
    assert "987654321" not in str(integration.last_error)
    assert note_session(integration, connected=True, cause=CAUSE)
    assert not note_session(integration, connected=True, cause=CAUSE)
    integration.refresh_from_db()
    assert (integration.status, integration.last_error) == (Status.CONNECTED, None)
    assert [kind for kind, _ in told()] == ["integration_disconnected", "integration_connected"]
    assert "987654321" not in str(told())
    assert caplog.text.count("integration_disconnected") == 1


def test_what_the_outage_held_is_judged_again_when_the_number_is_back(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme, status=Status.DISCONNECTED)
    later = clock.now() + timedelta(minutes=5)
    held = [
        factories.make_outbound(
            factories.make_conversation(cast.acme),
            integration=integration,
            state="queued",
            reason_code=code,
            next_attempt_at=later,
        )
        for code in ("SESSION_DISCONNECTED", "BREAKER_OPEN", "QUIET_HOURS")
    ]
    note_session(integration, connected=True, cause=CAUSE)
    at = dict(OutboundMessage.objects.values_list("id", "next_attempt_at"))
    assert [at[one.id] < later for one in held] == [True, True, False]


def test_a_removed_integration_is_left_alone(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme, status=Status.CONNECTED)
    Integration.objects.update(removed_at=clock.now())
    assert not note_session(integration, connected=False, cause=CAUSE)
    assert told() == []
