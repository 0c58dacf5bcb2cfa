"""Switch off what will not mend itself, and say so."""

from __future__ import annotations

from datetime import datetime

import structlog

from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from triggers.bells import sync_schedule
from triggers.models import Trigger

log = structlog.get_logger(__name__)

REPEATED_FAILURE = "REPEATED_FAILURE"


def pause_trigger(trigger: Trigger, reason: str, now: datetime) -> None:
    """Switch a trigger off for a reason that its owner is shown, and note it in the client's log."""
    trigger.active, trigger.paused_reason = False, reason
    trigger.save(update_fields=["active", "paused_reason", "updated_at"])
    trigger.clocks.all().delete()
    sync_schedule(trigger, None)
    record_event(
        trigger.client_id,
        Event.Kind.TRIGGER_PAUSED,
        cause=Cause().noting("trigger", trigger.id),
        data={"trigger_id": str(trigger.id), "reason": reason},
        occurred_at=now,
    )
    log.warning("trigger_paused", client_id=str(trigger.client_id), trigger_id=str(trigger.id), reason=reason)
