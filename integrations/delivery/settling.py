"""What others tell us of a message after it was tried: the provider's echo and events, or a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import F, Value
from django.db.models.functions import Coalesce

from integrations.delivery.outcomes import Outcome, State, final_changes, note_end
from integrations.models import DeliveryAttempt, OutboundMessage
from renum import clock
from renum.conversations.models import Message
from renum.conversations.services import advance_message
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event

REPORTED_FAILURE = "REPORTED_FAILURE"  # the provider took it, and told later that it did not get through
_BEFORE_ARRIVAL = (Message.State.QUEUED, Message.State.UNKNOWN, Message.State.SENT)


def settle_as_sent(client_id: UUID, message_id: UUID, provider_message_id: str | None) -> bool:
    """The provider showed us the message with our reference: it was sent, whatever we believed.

    The caller is in a scope. Returns whether that was news.
    """
    now = clock.now()
    moved = OutboundMessage.objects.filter(
        id=message_id,
        client_id=client_id,
        state__in=[State.QUEUED, State.SENDING, State.UNKNOWN],
    ).update(
        **final_changes(
            State.SENT,
            now,
            sent_at=now,
            reason_code="ECHOED",
            error_message="",
            **({"provider_message_id": provider_message_id} if provider_message_id else {}),
        )
    )
    if moved:
        DeliveryAttempt.objects.filter(message_id=message_id, finished_at=None).update(
            outcome=Outcome.SENT, finished_at=now
        )
        note_end(client_id, message_id, State.SENT, provider_message_id)
    return bool(moved)


def settle_by_person(client_id: UUID, message_id: UUID, *, sent: bool, cause: Cause) -> bool:
    """A person looked and knows what became of an `unknown` message; its attempts stay as they were.

    The caller is in a scope. Returns False, having changed nothing, if it is not unknown any more.
    """
    now = clock.now()
    if sent:
        # It left when it was tried, which is shortly before it became unknown.
        changes = final_changes(State.SENT, now, sent_at=Coalesce(F("finished_at"), Value(now)))
    else:
        changes = final_changes(State.FAILED, now)
    moved = OutboundMessage.objects.filter(id=message_id, client_id=client_id, state=State.UNKNOWN).update(
        **changes, reason_code="SETTLED_BY_PERSON"
    )
    if moved:
        note_end(client_id, message_id, State(changes["state"]), decided_by=cause)
    return bool(moved)


def note_receipts(
    client_id: UUID, message_ids: list[UUID], state: Message.State, *, at: datetime, cause: Cause
) -> int:
    """The provider tells how far these messages got; states only move forward. Returns how many moved.

    The first sign that a message arrived, and a failure after it was taken, are events. The caller is
    in a scope.
    """
    rows = Message.objects.filter(client_id=client_id, id__in=message_ids)
    columns = rows.order_by("id").select_for_update().values_list("id", "state", "conversation_id", "cause")
    before = list(columns)
    moved = advance_message(client_id, message_ids, state)
    if state not in (Message.State.DELIVERED, Message.State.READ, Message.State.FAILED):
        return moved
    news = [row for row in before if row[1] in _BEFORE_ARRIVAL]
    sent = OutboundMessage.objects.filter(client_id=client_id, id__in=[row[0] for row in news])
    if state == Message.State.FAILED:
        kind = Event.Kind.MESSAGE_FAILED
        sent.filter(state__in=[State.SENT, State.UNKNOWN]).update(
            **final_changes(State.FAILED, clock.now(), reason_code=REPORTED_FAILURE)
        )
    else:
        kind = Event.Kind.MESSAGE_DELIVERED
        sent.filter(delivered_at=None).update(delivered_at=at)
    for message_id, _state, conversation_id, chain in news:
        record_event(
            client_id,
            kind,
            cause=Cause(tuple(chain)).noting("message", message_id).followed_by(cause),
            conversation_id=conversation_id,
            data={"message_id": str(message_id)},
        )
    return moved


def note_mail_event(
    client_id: UUID, message_id: UUID, *, delivered: bool, failed_reason: str = "", at: datetime | None = None
) -> bool:
    """The mail provider told what became of a mail after it took it; returns whether that was news.

    Delivered is not taken back by a later bounce of another recipient, nor failed by anything. An
    event about a mail that is still `unknown` settles it. The caller is in a scope.
    """
    rows = OutboundMessage.objects.filter(id=message_id, client_id=client_id, delivered_at=None)
    now = clock.now()
    if delivered:
        settle_as_sent(client_id, message_id, None)
        moved = rows.filter(state=State.SENT).update(delivered_at=at or now)
        kind = Event.Kind.MESSAGE_DELIVERED
    else:
        moved = rows.filter(state__in=[State.SENT, State.UNKNOWN]).update(
            **final_changes(State.FAILED, now, reason_code=failed_reason)
        )
        kind = Event.Kind.MESSAGE_FAILED
    if moved:
        row = OutboundMessage.objects.only("cause", "reason_code").get(id=message_id)
        record_event(
            client_id,
            kind,
            cause=Cause(tuple(row.cause)).noting("message", message_id),
            data={"message_id": str(message_id), "reason_code": row.reason_code},
        )
    return bool(moved)
