"""What each kind of inbound event does: rows only, in the transaction that settles the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from agent_tools.services import request_reply
from integrations.delivery.settling import note_mail_event, settle_as_sent
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.emails import email_index
from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Channel, Message
from renum.conversations.phones import normalize_phone
from renum.conversations.services import (
    Person,
    advance_message,
    open_conversation,
    record_message,
    suppress,
)
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from webhooks.models import InboundEvent
from webhooks.parsers.base import Echo, Ignored, Inbound, MailEvent, Receipt, TryLater

RECEIPT_ATTEMPTS = 3


def handle_inbound(event: InboundEvent, parsed: Inbound) -> Ignored | None:
    """A person wrote: conversation, message metadata, event, and a turn for the client's agent."""
    try:
        phone = normalize_phone(f"+{parsed.phone_digits}")
    except InvalidPhone:
        return Ignored("INVALID_PHONE")
    cause = Cause().then("inbound", event.id)
    at = min(parsed.sent_at or event.received_at, clock.now())
    person = Person(phone=phone, wa_id=parsed.phone_digits, name=parsed.name)
    conversation = open_conversation(event.client_id, person, cause=cause, at=at)
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
    if parsed.text.strip():
        request_reply(conversation, message.id, parsed.text, cause=cause)
    return None


def handle_echo(event: InboundEvent, parsed: Echo) -> Ignored | None:
    """Our own send comes back with our reference: it was sent, even if its answer was lost."""
    try:
        message_id = UUID(parsed.reference)
    except ValueError:
        return Ignored("ECHO_NOT_OURS")
    if settle_as_sent(event.client_id, message_id, parsed.provider_message_id):
        return None
    return Ignored("ECHO_KNOWN")


def handle_receipt(event: InboundEvent, parsed: Receipt) -> Ignored | None:
    """Messages were delivered or read; unknown ids are normal.

    While something is being sent, an unknown id may be that of a result that is not recorded yet.
    """
    ids = list(
        Message.objects.filter(
            client_id=event.client_id,
            direction=Message.Direction.OUTBOUND,
            provider_message_id__in=parsed.provider_message_ids,
        ).values_list("id", flat=True)
    )
    if not ids:
        sending = OutboundMessage.objects.filter(
            integration_id=event.integration_id, state=OutboundMessage.State.SENDING
        )
        if event.attempts < RECEIPT_ATTEMPTS and sending.exists():
            raise TryLater
        return Ignored("RECEIPT_UNKNOWN")
    advance_message(event.client_id, ids, Message.State(parsed.state))
    return None


def handle_mail_event(event: InboundEvent, parsed: MailEvent) -> Ignored | None:
    """A mail got through, or did not, or its reader wants no more: move its state on, bar the address.

    An address that bounced or complained is barred whichever system wrote to it: it is the client's
    account, and SendGrid would drop the next mail to it anyway.
    """
    news = False
    if parsed.suppress_reason and parsed.address:
        news = suppress(
            event.client_id,
            Channel.EMAIL,
            email_index(event.client_id, parsed.address),
            parsed.suppress_reason,
            cause=Cause().then("inbound", event.id),
        )
    try:
        message_id = UUID(parsed.reference)
    except ValueError:
        return None if news else Ignored("ECHO_NOT_OURS")
    # Whatever became of it, the provider had it: that settles a send whose answer was lost or is under way.
    news |= settle_as_sent(event.client_id, message_id, parsed.provider_message_id or None)
    if parsed.state:
        news |= note_mail_event(
            event.client_id,
            message_id,
            delivered=parsed.state == "delivered",
            failed_reason=parsed.reason_code,
            at=min(parsed.at or event.received_at, clock.now()),
        )
    if news:
        return None
    is_known = OutboundMessage.objects.filter(client_id=event.client_id, id=message_id).exists()
    return Ignored("RECEIPT_NOT_HANDLED" if is_known else "RECEIPT_UNKNOWN")


HANDLERS: dict[type, Callable[[InboundEvent, Any], Ignored | None]] = {
    Inbound: handle_inbound,
    Echo: handle_echo,
    Receipt: handle_receipt,
    MailEvent: handle_mail_event,
}
