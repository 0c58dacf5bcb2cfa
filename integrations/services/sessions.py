"""Whether a number is logged in, as its provider tells it."""

from __future__ import annotations

import structlog

from integrations import cache
from integrations.delivery import breaker, outcomes
from integrations.delivery.gate import Reason
from integrations.errors import SessionDisconnected
from integrations.models import Integration
from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from renum.security.redaction import redact_text

log = structlog.get_logger(__name__)

MAX_REASON_LENGTH = 200
HELD_BY_OUTAGE = (SessionDisconnected.code, Reason.BREAKER_OPEN)


def note_session(integration: Integration, *, connected: bool, reason: str = "", cause: Cause) -> bool:
    """Move an integration's status to what its provider says; returns whether that is a change.

    A change is an event, and the loss of a session a warning in the log: what staff are alerted by.
    What the outage held is judged again once the number is back. The caller is in a scope.
    """
    wanted = Integration.Status.CONNECTED if connected else Integration.Status.DISCONNECTED
    rows = Integration.objects.current().filter(id=integration.id, client_id=integration.client_id)
    before = rows.select_for_update().values_list("status", flat=True).first()
    if before is None or before == wanted:
        return False
    told = redact_text(reason)[:MAX_REASON_LENGTH]
    rows.update(status=wanted, last_error=None if connected else told, updated_at=clock.now())
    kind = Event.Kind.INTEGRATION_CONNECTED if connected else Event.Kind.INTEGRATION_DISCONNECTED
    data = {"integration_id": str(integration.id), "from": before, "reason": told}
    record_event(integration.client_id, kind, cause=cause, data=data)
    if connected:
        use_again(integration)
    else:
        cache.forget(integration)
        log.warning(
            "integration_disconnected",
            client_id=str(integration.client_id),
            integration_id=str(integration.id),
        )
    return True


def use_again(integration: Integration) -> None:
    """The connection was seen to work: what waited for it need not wait on. The caller is in a scope."""
    breaker.close(integration)
    outcomes.release_held(integration.client_id, integration_id=integration.id, reasons=HELD_BY_OUTAGE)
    cache.forget(integration)
