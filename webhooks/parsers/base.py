"""What a provider's webhook can mean to us, whatever its shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Inbound:
    """A person wrote. `phone_digits` as WhatsApp knows them; `kind` is `text` or a kind of media."""

    provider_message_id: str
    phone_digits: str
    text: str
    kind: str
    name: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Echo:
    """The provider shows a message that was sent through its API. `reference`: ours, if we sent it."""

    provider_message_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Messages got as far as `state`: `sent`, `delivered`, `read` or `failed`."""

    provider_message_ids: list[str]
    state: str


@dataclass(frozen=True, slots=True)
class MailEvent:
    """What became of a mail for one of its recipients, `address`. `reference`: ours, if we sent it.

    `suppress_reason`: why the address must not be written to any more, empty if it may. `reason_code`:
    how it failed, if it did.
    """

    reference: str
    state: Literal["delivered", "failed"] | None
    suppress_reason: str
    address: str
    provider_message_id: str
    reason_code: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing for us to do, and why: a stable code."""

    reason_code: str


class TryLater(Exception):
    """What the event is about may not be on record yet; soon it will be."""


Parsed = Inbound | Echo | Receipt | MailEvent | Ignored


@dataclass(frozen=True, slots=True)
class Identity:
    """What the inbox needs before the event is processed: its kind, its unique key, its chat."""

    kind: str
    dedup_key: str
    chat: str


class Parser(Protocol):
    """What a provider's module here offers."""

    def identify_all(self, payload: Any, body: bytes, /) -> list[tuple[Identity, Any]]:
        """Name the events of a request, and say what is kept of each."""

    def parse(self, payload: Any, /) -> Parsed:
        """Say what a stored event means."""
