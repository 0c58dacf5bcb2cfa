"""What each kind of inbound event does: rows only, in the transaction that settles the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webhooks.handlers.connections import handle_connection
from webhooks.handlers.messages import handle_echo, handle_from_phone, handle_inbound
from webhooks.handlers.receipts import handle_mail_event, handle_receipt
from webhooks.models import InboundEvent
from webhooks.parsers.base import ConnectionChange, Echo, FromPhone, Ignored, Inbound, MailEvent, Receipt

HANDLERS: dict[type, Callable[[InboundEvent, Any], Ignored | None]] = {
    Inbound: handle_inbound,
    FromPhone: handle_from_phone,
    Echo: handle_echo,
    Receipt: handle_receipt,
    ConnectionChange: handle_connection,
    MailEvent: handle_mail_event,
}
