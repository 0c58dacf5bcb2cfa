"""What became of messages after they left: receipts of WhatsApp, events of mail providers."""

from __future__ import annotations

from uuid import UUID

from integrations.delivery.settling import note_mail_event, note_receipts, settle_as_sent
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.emails import email_index
from renum.conversations.models import Channel, Message
from renum.conversations.services import suppress
from renum.events.cause import Cause
from webhooks.handlers.messages import RESULT_ATTEMPTS, is_sending
from webhooks.models import InboundEvent
from webhooks.parsers.base import Ignored, MailEvent, Receipt, TryLater


def handle_receipt(event: InboundEvent, parsed: Receipt) -> Ignored | None:
    """Messages were delivered or read, or failed; unknown ids are normal.

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
        if event.attempts < RESULT_ATTEMPTS and is_sending(event.integration_id):
            raise TryLater
        return Ignored("RECEIPT_UNKNOWN")
    at = min(parsed.at or event.received_at, clock.now())
    note_receipts(
        event.client_id, ids, Message.State(parsed.state), at=at, cause=Cause().then("inbound", event.id)
    )
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
