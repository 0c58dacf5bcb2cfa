"""Writes over contacts, conversations and message metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce, Greatest, Least

from renum import clock
from renum.conversations.identity import Person, find_or_create_contact
from renum.conversations.models import Channel, Conversation, Message, Suppression
from renum.conversations.policies import policy_of
from renum.conversations.selectors import suppressed_of_clients
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event

# What says nothing: it waits for no answer, and is none.
SILENT_KINDS = frozenset({"reaction"})
# Whose messages answer a contact; a trigger's or the system's are not about what they wrote.
ANSWERING_AUTHORS = frozenset(
    {Message.Author.AGENT, Message.Author.API, Message.Author.PERSON, Message.Author.OTHER}
)


def open_conversation(
    client_id: UUID, person: Person, *, cause: Cause, at: datetime, channel: Channel = Channel.WHATSAPP
) -> Conversation:
    """Find or create the contact and the conversation with them."""
    contact = find_or_create_contact(client_id, person)
    conversation, created = Conversation.objects.get_or_create(
        client_id=client_id,
        contact=contact,
        channel=channel,
        defaults={"last_message_at": at, "quiet_since": at},
    )
    if created:
        record_event(client_id, Event.Kind.CONVERSATION_OPENED, cause=cause, conversation_id=conversation.id)
    return conversation


def record_message(
    conversation: Conversation,
    *,
    direction: Message.Direction,
    author: Message.Author,
    state: Message.State,
    length: int,
    cause: Cause,
    occurred_at: datetime,
    kind: str = "text",
    provider_message_id: str | None = None,
    message_id: UUID | None = None,
    refers_to: str = "",
) -> Message | None:
    """Note that a message was there and touch its conversation; None if it was noted before.

    What a contact wrote reopens the conversation; a reaction is no turn of theirs and does not.
    """
    fields: dict[str, Any] = {"id": message_id} if message_id else {}
    message = Message(
        **fields,
        client_id=conversation.client_id,
        conversation=conversation,
        direction=direction,
        author=author,
        kind=kind,
        state=state,
        length=length,
        provider_message_id=provider_message_id,
        refers_to=refers_to,
        cause=cause.as_list(),
        occurred_at=occurred_at,
    )
    if provider_message_id:
        known = Message.objects.filter(
            client_id=conversation.client_id, provider_message_id=provider_message_id
        )
        if known.exists():
            return None
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:
        if provider_message_id and known.exists():
            return None
        raise
    _touch(conversation, message)
    if direction == Message.Direction.INBOUND and kind not in SILENT_KINDS:
        change_status(conversation, Conversation.Status.OPEN, cause=cause)
    return message


def _touch(conversation: Conversation, message: Message) -> None:
    """Move the conversation's clocks; they never go back, in whatever order messages arrive."""
    at = message.occurred_at
    is_inbound = message.direction == Message.Direction.INBOUND
    side = "last_inbound_at" if is_inbound else "last_outbound_at"
    changes: dict[str, Any] = {
        "last_message_at": Greatest(F("last_message_at"), Value(at)),
        side: Greatest(Coalesce(F(side), Value(at)), Value(at)),
        "updated_at": clock.now(),
    }
    if message.author != Message.Author.TRIGGER:
        changes["quiet_since"] = Greatest(F("quiet_since"), Value(at))
    if is_inbound and message.kind not in SILENT_KINDS:
        # An earlier one still waits; one that came late may have been answered already.
        changes["unanswered_since"] = Case(
            When(last_outbound_at__gte=at, then=F("unanswered_since")),
            default=Least(Coalesce(F("unanswered_since"), Value(at)), Value(at)),
        )
    elif message.author in ANSWERING_AUTHORS and message.kind not in SILENT_KINDS:
        changes["unanswered_since"] = Case(
            When(unanswered_since__gt=at, then=F("unanswered_since")), default=None
        )
    Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id).update(**changes)


def note_unanswered(conversation: Conversation, since: datetime) -> None:
    """The answer to what the contact wrote at `since` was taken back: they wait for one from then on."""
    Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id).update(
        unanswered_since=Least(Coalesce(F("unanswered_since"), Value(since)), Value(since)),
        updated_at=clock.now(),
    )


def change_status(conversation: Conversation, status: Conversation.Status, *, cause: Cause) -> Conversation:
    """Set the status and record the change; setting it to what it is changes nothing."""
    rows = Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id)
    previous = rows.select_for_update(no_key=True).values_list("status", flat=True).get()
    conversation.status = status
    if previous == status:
        return conversation
    conversation.updated_at = clock.now()
    conversation.save(update_fields=["status", "updated_at"])
    record_event(
        conversation.client_id,
        Event.Kind.STATUS_CHANGED,
        cause=cause,
        conversation_id=conversation.id,
        data={"from": previous, "to": str(status)},
    )
    return conversation


def pause_agent(conversation: Conversation, at: datetime, *, cause: Cause) -> bool:
    """A person of the client wrote at `at`: the agent keeps out for as long as the client's rules say.

    Each further message of theirs prolongs the pause. Returns whether the agent was not paused before.
    """
    minutes = policy_of(conversation.client_id).handover_minutes
    until = at + timedelta(minutes=minutes)
    now = clock.now()
    if until <= now:
        return False
    rows = Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id)
    before = rows.select_for_update(no_key=True).values_list("agent_paused_until", flat=True).get()
    if before is not None and before >= until:
        return False
    rows.update(agent_paused_until=until, updated_at=now)
    conversation.agent_paused_until = until
    if before is not None and before > now:
        return False
    record_event(
        conversation.client_id,
        Event.Kind.AGENT_PAUSED,
        cause=cause,
        conversation_id=conversation.id,
        data={"until": clock.iso(until)},
    )
    return True


# What later apps do when an agent may answer again; they add it in their `apps.py`.
_ON_RESUME: list[Callable[[Conversation], None]] = []


def on_resume(act: Callable[[Conversation], None]) -> None:
    """Have `act` called, in the transaction, for each conversation whose agent is resumed."""
    if act not in _ON_RESUME:
        _ON_RESUME.append(act)


def resume_agent(conversation: Conversation, *, cause: Cause) -> bool:
    """Let the agent answer again before its pause is over; returns whether it was paused."""
    now = clock.now()
    resumed = Conversation.objects.filter(
        id=conversation.id, client_id=conversation.client_id, agent_paused_until__gt=now
    ).update(agent_paused_until=None, updated_at=now)
    if resumed:
        conversation.agent_paused_until = None
        record_event(
            conversation.client_id, Event.Kind.AGENT_RESUMED, cause=cause, conversation_id=conversation.id
        )
        for act in _ON_RESUME:
            act(conversation)
    return bool(resumed)


def want_attention(conversation: Conversation, reason: str, *, cause: Cause) -> bool:
    """Show the conversation to people, with a stable reason code; returns whether that is new."""
    now = clock.now()
    flagged = (
        Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id)
        .exclude(attention_reason=reason)
        .update(attention_reason=reason, attention_at=now, updated_at=now)
    )
    if flagged:
        conversation.attention_reason, conversation.attention_at = reason, now
        record_event(
            conversation.client_id,
            Event.Kind.ATTENTION_WANTED,
            cause=cause,
            conversation_id=conversation.id,
            data={"reason_code": reason},
        )
    return bool(flagged)


def give_attention(conversation: Conversation, *, cause: Cause) -> bool:
    """A person has looked; returns whether the conversation was waiting for one."""
    given = (
        Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id)
        .exclude(attention_at=None)
        .update(attention_reason="", attention_at=None, updated_at=clock.now())
    )
    if given:
        conversation.attention_reason, conversation.attention_at = "", None
        record_event(
            conversation.client_id, Event.Kind.ATTENTION_GIVEN, cause=cause, conversation_id=conversation.id
        )
    return bool(given)


# How far a message got; a state only moves to a later one. Failure ends what was not yet delivered.
_RANK = {
    Message.State.QUEUED: 0,
    Message.State.UNKNOWN: 1,
    Message.State.SENT: 2,
    Message.State.DELIVERED: 3,
    Message.State.READ: 4,
}


def advance_message(
    client_id: UUID, message_ids: list[UUID], state: Message.State, provider_message_id: str | None = None
) -> int:
    """Move messages forward to `state`; those that are there or further stay. Returns how many moved."""
    if state == Message.State.FAILED:
        earlier = [Message.State.QUEUED, Message.State.UNKNOWN, Message.State.SENT]
    else:
        earlier = [known for known, rank in _RANK.items() if rank < _RANK[state]]
    changes: dict[str, Any] = {"state": state}
    taken = Message.objects.filter(client_id=client_id, provider_message_id=provider_message_id)
    if provider_message_id and not taken.exclude(id__in=message_ids).exists():
        changes["provider_message_id"] = provider_message_id
    return Message.objects.filter(client_id=client_id, id__in=message_ids, state__in=earlier).update(
        **changes
    )


_MARK_SENT = """
UPDATE messages m
SET state = 'sent',
    provider_message_id = CASE
        WHEN r.provider_id IS NULL OR EXISTS (
            SELECT 1 FROM messages t
            WHERE t.client_id = m.client_id AND t.provider_message_id = r.provider_id AND t.id <> m.id)
        THEN m.provider_message_id ELSE r.provider_id END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS r(client_id, id, provider_id)
WHERE m.id = r.id AND m.client_id = r.client_id AND m.state IN ('queued', 'unknown')
"""


def mark_sent(sent: Sequence[tuple[UUID, UUID, str | None]]) -> None:
    """Move messages, as (client, id, the provider's id), forward to `sent` in one statement.

    As `advance_message`: those that are further stay, and a provider's id that another has is left out.
    """
    if sent:
        with connection.cursor() as cursor:
            cursor.execute(_MARK_SENT, [list(column) for column in zip(*sent, strict=True)])


def suppress(client_id: UUID, channel: Channel, address_index: str, reason: str, *, cause: Cause) -> bool:
    """Bar an address, known by its blind index, from being written to; returns whether that is new."""
    if suppressed_of_clients([client_id], channel, [address_index]):
        return False
    bar, is_new = Suppression.objects.get_or_create(
        client_id=client_id, channel=channel, address_index=address_index, reason=reason[:40]
    )
    if not is_new:
        return False
    record_event(
        client_id,
        Event.Kind.CONTACT_SUPPRESSED,
        cause=cause,
        data={"channel": channel.value, "reason": bar.reason},
    )
    return True
