from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from renum.wakeups import wake_after_commit

MATCH_TASK, MATCH_QUEUE = "triggers.match_events", "normal"


def record_event(
    client_id: UUID,
    kind: Event.Kind,
    *,
    cause: Cause,
    conversation_id: UUID | None = None,
    data: dict[str, Any] | None = None,
    occurred_at: datetime | None = None,
) -> Event:
    """Append to the client's log, inside the transaction that makes it true; wakes who waits for events."""
    wake_after_commit(MATCH_TASK, MATCH_QUEUE)
    return Event.objects.create(
        client_id=client_id,
        kind=kind,
        conversation_id=conversation_id,
        data=data or {},
        cause=cause.as_list(),
        occurred_at=occurred_at or clock.now(),
    )
