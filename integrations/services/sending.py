"""Queue what a person or another service asks for, addressed as people type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from integrations.delivery.outbox import conversation_with, enqueue_mail, enqueue_media, enqueue_message
from integrations.models import OutboundMessage
from integrations.providers.mail import normalize_email, text_from_html
from renum import clock
from renum.conversations.models import Conversation
from renum.conversations.phones import normalize_phone
from renum.errors import InvalidInput
from renum.events.cause import Cause

# As long as WhatsApp itself takes an answer for one.
REPLY_WINDOW = timedelta(hours=24)


def send_whatsapp_text(
    client_id: UUID, phone: str, text: str, *, cause: Cause, **how: Any
) -> OutboundMessage:
    """Queue a text to a typed phone; raises `InvalidPhone` and what `enqueue_message` raises."""
    conversation = conversation_with(client_id, normalize_phone(phone), cause=cause)
    return enqueue_message(conversation, text, cause=cause, priority=lane_for(conversation), **how)


def send_media(
    client_id: UUID, phone: str, media: dict[str, Any], *, cause: Cause, **how: Any
) -> OutboundMessage:
    """Queue a file to a typed phone; raises `InvalidPhone` and what `enqueue_media` raises."""
    conversation = conversation_with(client_id, normalize_phone(phone), cause=cause)
    return enqueue_media(conversation, media=media, cause=cause, priority=lane_for(conversation), **how)


def lane_for(conversation: Conversation) -> OutboundMessage.Priority:
    """The lane of replies if the contact wrote within a day, else that of what nobody asked for."""
    wrote_at = conversation.last_inbound_at
    is_reply = wrote_at is not None and clock.now() - wrote_at < REPLY_WINDOW
    return OutboundMessage.Priority.HIGH if is_reply else OutboundMessage.Priority.NORMAL


def send_mail(
    client_id: UUID,
    to: Sequence[str],
    subject: str,
    body: str,
    *,
    idempotency_key: str,
    cause: Cause,
    priority: OutboundMessage.Priority = OutboundMessage.Priority.NORMAL,
    not_after: datetime | None = None,
    **parts: Any,
) -> OutboundMessage:
    """Queue an e-mail; the parts and what they raise as for `compose_mail`, else as for `enqueue_mail`."""
    return enqueue_mail(
        client_id,
        mail=compose_mail(to, subject, body, **parts),
        idempotency_key=idempotency_key,
        cause=cause,
        priority=priority,
        not_after=not_after,
    )


def compose_mail(
    to: Sequence[str],
    subject: str,
    body: str,
    *,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    reply_to: str = "",
    text: str = "",
    automated: bool = False,
    is_html: bool | None = None,
) -> dict[str, Any]:
    """The fields of a `MailContent`; an HTML `body` brings its plain text along.

    `is_html`: unless it is said, a body with a tag is. Raises `InvalidInput` for an address or a subject
    that cannot be.
    """
    if is_html is None:
        is_html = has_tag(body)
    return {
        "to": _addresses("to", to),
        "cc": _addresses("cc", cc),
        "bcc": _addresses("bcc", bcc),
        "reply_to": _addresses("reply_to", [reply_to])[0] if reply_to else "",
        "subject": _one_line(subject),
        "text": text or (text_from_html(body) if is_html else body),
        "html": body if is_html else "",
        "automated": automated,
    }


def has_tag(body: str) -> bool:
    """Whether a mail's body is HTML."""
    return "<" in body and ">" in body


def _addresses(field: str, typed: Sequence[str]) -> tuple[str, ...]:
    """The addresses in the form they are sent to, each once."""
    found: dict[str, str] = {}
    for place, one in enumerate(typed):
        try:
            address = normalize_email(one)
        except ValueError as error:
            raise InvalidInput(details={field: [f"{place + 1}º endereço: {error}."]}) from error
        found.setdefault(address.lower(), address)
    return tuple(found.values())


def _one_line(subject: str) -> str:
    """A subject is one line: a line break in it could become a header of its own."""
    if any(ord(char) < 32 or ord(char) == 127 for char in subject) or not subject.strip():
        raise InvalidInput(details={"subject": ["O assunto deve ter uma linha, e não pode ser vazio."]})
    return subject.strip()
