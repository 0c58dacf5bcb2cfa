"""Take messages back that have not left: what they say is no longer right."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import structlog

from integrations.delivery.outcomes import State, final_changes
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.models import Message
from renum.conversations.services import advance_message

log = structlog.get_logger(__name__)


def withdraw(
    client_id: UUID, message_ids: Collection[UUID], reason: str, *, all_or_none: bool = False
) -> list[UUID]:
    """End those of the messages that are still queued, with this reason code; returns them.

    Waits for a dispatcher that is claiming them; what it has claimed stands. `all_or_none`: withdraw
    nothing unless all of them can be. No event tells of it: nobody was to get them any more, and a rule
    for failures has nothing to mend. The caller is in a scope.
    """
    rows = OutboundMessage.objects.filter(client_id=client_id, id__in=message_ids)
    # In the order in which results are written: the message in the outbox, then the conversation's.
    states = dict(rows.order_by("id").select_for_update(no_key=True).values_list("id", "state"))
    queued = [one for one, state in states.items() if state == State.QUEUED]
    if all_or_none and len(queued) < len(message_ids):
        return []
    rows.filter(id__in=queued).update(**final_changes(State.FAILED, clock.now(), reason_code=reason))
    advance_message(client_id, queued, Message.State.FAILED)
    for message_id in queued:
        log.info("message_withdrawn", client_id=str(client_id), message_id=str(message_id), reason=reason)
    return queued


def may_still_leave(message_ids: Collection[UUID]) -> set[UUID]:
    """Which of these messages are queued, or could be again. The caller is in a scope."""
    rows = OutboundMessage.objects.filter(id__in=message_ids, state__in=[State.QUEUED, State.SENDING])
    return set(rows.values_list("id", flat=True))
