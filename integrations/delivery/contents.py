"""What a message in the outbox says: each kind as it is stored, and as it is handed to a provider."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from integrations import providers
from integrations.models import OutboundMessage
from integrations.providers.base import MediaKind
from renum.conversations.models import Channel
from renum.security.crypto import DecryptionFailed

MAX_TEXT_LENGTH = 4096
MAX_MAIL_LENGTH = 512 * 1024
MAX_SUBJECT_LENGTH = 255
MAX_RECIPIENTS = 50


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What is decided when a message leaves. `recipient`: digits for WhatsApp.

    `barred`: addresses of a mail that must not be written to. `last_try`: no retry is left.
    """

    recipient: str
    reference: UUID
    barred: Collection[str] = ()
    last_try: bool = False
    unsubscribe_url: str = ""


class Content(BaseModel, ABC):
    """Refuses what no provider could take, such as NUL or half of a surrogate pair."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: ClassVar[OutboundMessage.Kind]
    channel: ClassVar[Channel]

    @field_validator("*")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and ("\x00" in text or any("\ud800" <= c <= "\udfff" for c in text)):
                raise ValueError("contém caracteres não permitidos")
        return value

    @property
    @abstractmethod
    def length(self) -> int:
        """Characters that a person reads."""

    @property
    def essence(self) -> str:
        """What makes two messages to one recipient the same."""
        return self.model_dump_json()

    @abstractmethod
    def outgoing(self, dispatch: Dispatch) -> providers.OutgoingMessage | None:
        """The message as a provider takes it; None if nobody is left to send it to."""


class TextContent(Content):
    kind = OutboundMessage.Kind.TEXT
    channel = Channel.WHATSAPP

    text: str = Field(min_length=1, max_length=MAX_TEXT_LENGTH)

    @field_validator("text")
    @classmethod
    def _has_words(cls, value: str) -> str:
        if not value.strip():
            raise ValueError(f"o texto deve ter de 1 a {MAX_TEXT_LENGTH} caracteres")
        return value

    @property
    def length(self) -> int:
        return len(self.text)

    @property
    def essence(self) -> str:
        return self.text

    def outgoing(self, dispatch: Dispatch) -> providers.OutgoingMessage:
        return providers.TextMessage(
            recipient=dispatch.recipient, text=self.text, reference=str(dispatch.reference)
        )


class MediaContent(Content):
    """A file that the provider fetches from `url`."""

    kind = OutboundMessage.Kind.MEDIA
    channel = Channel.WHATSAPP

    media_type: MediaKind
    url: str = Field(max_length=2000)
    caption: str = Field(default="", max_length=1024)
    filename: str = Field(default="", max_length=255)

    @property
    def length(self) -> int:
        return len(self.caption)

    def outgoing(self, dispatch: Dispatch) -> providers.OutgoingMessage:
        return providers.MediaMessage(
            recipient=dispatch.recipient,
            kind=self.media_type,
            url=self.url,
            reference=str(dispatch.reference),
            caption=self.caption,
            filename=self.filename,
        )


class MailContent(Content):
    """An e-mail. `html` is empty for a plain text one; `text` is always there."""

    kind = OutboundMessage.Kind.MAIL
    channel = Channel.EMAIL

    to: tuple[str, ...] = Field(min_length=1, max_length=MAX_RECIPIENTS)
    subject: str = Field(min_length=1, max_length=MAX_SUBJECT_LENGTH)
    text: str = Field(max_length=MAX_MAIL_LENGTH)
    html: str = Field(default="", max_length=MAX_MAIL_LENGTH)
    cc: tuple[str, ...] = Field(default=(), max_length=MAX_RECIPIENTS)
    bcc: tuple[str, ...] = Field(default=(), max_length=MAX_RECIPIENTS)
    reply_to: str = ""
    automated: bool = False

    @property
    def recipients(self) -> tuple[str, ...]:
        return (*self.to, *self.cc, *self.bcc)

    @property
    def length(self) -> int:
        return len(self.text)

    def outgoing(self, dispatch: Dispatch) -> providers.OutgoingMessage | None:
        to, cc, bcc = (
            tuple(address for address in addresses if address not in dispatch.barred)
            for addresses in (self.to, self.cc, self.bcc)
        )
        if not to:
            return None
        return providers.MailMessage(
            to=to,
            cc=cc,
            bcc=bcc,
            subject=self.subject,
            text=self.text,
            html=self.html,
            reply_to=self.reply_to,
            reference=str(dispatch.reference),
            automated=self.automated,
            # One click stands for one person.
            unsubscribe_url=dispatch.unsubscribe_url if len(self.recipients) == 1 else "",
            accept_partial=dispatch.last_try,
        )


KINDS: dict[str, type[Content]] = {
    content.kind.value: content for content in (TextContent, MediaContent, MailContent)
}


def readable_content(row: OutboundMessage) -> Content | None:
    """What a row says; None if it cannot be read, or was erased."""
    try:
        return KINDS[row.kind].model_validate(row.body)
    except (ValidationError, DecryptionFailed, KeyError):
        return None
