"""What a provider's webhook can mean to us, whatever its shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Peer:
    """The other side of a chat, by whatever names the provider gave: at least one of the first two.

    `wa_digits`: the number as WhatsApp knows it. `lid`: the digits of the privacy id, never a phone.
    """

    wa_digits: str | None
    lid: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A person wrote. `kind`: `text`, a kind of media, `location`, `contact`, `reaction`, `poll`, ….

    `text`: words for an agent: the text itself, a caption, the label of what was chosen; empty for what
    has no words. `refers_to`: the provider's id of the message that this one edits,
    reacts to or answers a poll of; `is_edit` tells an edit from the others.
    """

    provider_message_id: str
    peer: Peer
    text: str
    kind: str
    sent_at: datetime | None
    refers_to: str = ""
    is_edit: bool = False


@dataclass(frozen=True, slots=True)
class FromPhone:
    """Somebody of the client wrote to `peer` from the phone itself: a person took over."""

    provider_message_id: str
    peer: Peer
    length: int
    kind: str
    sent_at: datetime | None
    refers_to: str = ""


@dataclass(frozen=True, slots=True)
class Echo:
    """The provider shows a message that was sent through its API. `reference`: ours, if we sent it.

    `peer` is None where the provider does not say whom it went to.
    """

    provider_message_id: str
    reference: str
    peer: Peer | None = None
    length: int = 0
    kind: str = "text"
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Messages got as far as `state`: `sent`, `delivered`, `read` or `failed`."""

    provider_message_ids: list[str]
    state: str
    at: datetime | None = None


SessionStatus = Literal["connected", "connecting", "disconnected"]


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """The number's session came, is coming, or went; `reason` in the provider's words."""

    status: SessionStatus
    reason: str = ""


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


Parsed = Inbound | FromPhone | Echo | Receipt | ConnectionChange | MailEvent | Ignored


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
