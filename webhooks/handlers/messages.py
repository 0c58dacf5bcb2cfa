"""What was said in a chat, by whomever: the contact, the client's own people, us, or another system."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from agent_tools.services import note_takeover, request_reply
from integrations.delivery.settling import settle_as_sent
from integrations.models import OutboundMessage
from integrations.services.consent import heed_wish
from renum import clock
from renum.conversations.identity import Person
from renum.conversations.models import Conversation, Message
from renum.conversations.services import SILENT_KINDS, open_conversation, pause_agent, record_message
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from webhooks.models import InboundEvent
from webhooks.parsers.base import Echo, FromPhone, Ignored, Inbound, Peer, TryLater
from webhooks.parsers.whatsapp import can_be_a_phone

RESULT_ATTEMPTS = 3  # so often we look again while something is being sent whose result we do not have


def handle_inbound(event: InboundEvent, parsed: Inbound) -> Ignored | None:
    """A person wrote: conversation, message metadata, event, and a turn for the client's agent.

    A wish to get no more messages, or to get them again, is heeded first.
    """
    if not _can_be_somebody(parsed.peer):
        return Ignored("INVALID_PHONE")
    at = _instant(event, parsed.sent_at)
    cause = Cause().then("inbound", event.id)
    conversation = _conversation_with(event, parsed.peer, at, cause)
    message = record_message(
        conversation,
        direction=Message.Direction.INBOUND,
        author=Message.Author.CONTACT,
        state=Message.State.RECEIVED,
        length=len(parsed.text),
        cause=cause,
        occurred_at=at,
        kind=parsed.kind,
        provider_message_id=parsed.provider_message_id,
        refers_to=parsed.refers_to,
    )
    if message is None:
        return Ignored("DUPLICATE_MESSAGE")
    cause = cause.then("message", message.id)
    record_event(
        event.client_id,
        Event.Kind.MESSAGE_RECEIVED,
        cause=cause,
        conversation_id=conversation.id,
        data={"message_id": str(message.id), "kind": parsed.kind},
        occurred_at=at,
    )
    if not parsed.text.strip() or heed_wish(conversation, message, parsed.text, cause=cause):
        return None
    request_reply(
        conversation,
        message.id,
        parsed.text,
        cause=cause,
        replaces=_message_named(event.client_id, parsed.refers_to) if parsed.is_edit else None,
    )
    return None


def handle_from_phone(event: InboundEvent, parsed: FromPhone) -> Ignored | None:
    """Somebody of the client wrote from the phone: the agent keeps out of this conversation for a while."""
    if not _can_be_somebody(parsed.peer):
        return Ignored("INVALID_PHONE")
    if _is_known(event.client_id, parsed.provider_message_id):
        return Ignored("DUPLICATE_MESSAGE")  # ours: some providers do not tell it from the phone's
    if event.attempts < RESULT_ATTEMPTS and is_sending(event.integration_id):
        raise TryLater
    at = _instant(event, parsed.sent_at)
    cause = Cause().then("inbound", event.id)
    conversation = _conversation_with(event, parsed.peer, at, cause)
    message = _record_outbound(conversation, parsed, Message.Author.PERSON, cause, at)
    if message is None:
        return Ignored("DUPLICATE_MESSAGE")
    if parsed.kind not in SILENT_KINDS:
        pause_agent(conversation, at, cause=cause.then("message", message.id))
        note_takeover(conversation)
    return None


def handle_echo(event: InboundEvent, parsed: Echo) -> Ignored | None:
    """A send through the API comes back: ours was sent, even if its answer was lost.

    What another system sent through the same number belongs to the conversation too.
    """
    ours = _as_uuid(parsed.reference)
    if ours is not None and OutboundMessage.objects.filter(client_id=event.client_id, id=ours).exists():
        is_news = settle_as_sent(event.client_id, ours, parsed.provider_message_id)
        return None if is_news else Ignored("ECHO_KNOWN")
    if parsed.peer is None or not _can_be_somebody(parsed.peer):
        return Ignored("ECHO_NOT_OURS")
    at = _instant(event, parsed.sent_at)
    cause = Cause().then("inbound", event.id)
    conversation = _conversation_with(event, parsed.peer, at, cause)
    message = _record_outbound(conversation, parsed, Message.Author.OTHER, cause, at)
    return Ignored("DUPLICATE_MESSAGE") if message is None else None


def is_sending(integration_id: UUID) -> bool:
    """Whether a result is still to be recorded, so that an unknown id may be that of our own message."""
    return OutboundMessage.objects.filter(
        integration_id=integration_id, state=OutboundMessage.State.SENDING
    ).exists()


def _can_be_somebody(peer: Peer) -> bool:
    return peer.lid is not None or can_be_a_phone(peer.wa_digits or "")


def _instant(event: InboundEvent, sent_at: datetime | None) -> datetime:
    """When it happened, as the provider says; nothing happened after now."""
    return min(sent_at or event.received_at, clock.now())


def _conversation_with(event: InboundEvent, peer: Peer, at: datetime, cause: Cause) -> Conversation:
    person = Person(wa_id=peer.wa_digits, lid=peer.lid, name=peer.name)
    return open_conversation(event.client_id, person, cause=cause, at=at)


def _record_outbound(
    conversation: Conversation, parsed: FromPhone | Echo, author: Message.Author, cause: Cause, at: datetime
) -> Message | None:
    return record_message(
        conversation,
        direction=Message.Direction.OUTBOUND,
        author=author,
        state=Message.State.SENT,
        length=parsed.length,
        cause=cause,
        occurred_at=at,
        kind=parsed.kind,
        provider_message_id=parsed.provider_message_id,
        refers_to=parsed.refers_to if isinstance(parsed, FromPhone) else "",
    )


def _is_known(client_id: UUID, provider_message_id: str) -> bool:
    return _message_named(client_id, provider_message_id) is not None


def _message_named(client_id: UUID, provider_message_id: str) -> UUID | None:
    rows = Message.objects.filter(client_id=client_id, provider_message_id=provider_message_id)
    return rows.values_list("id", flat=True).first()


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
