"""SendGrid's event webhook: an array of events, of all mail that leaves through the account.

Whatever the shape, parsing does not raise: what we do not know is `Ignored` with a reason.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from webhooks.parsers.base import Identity, Ignored, MailEvent, Parsed

REFERENCE = "message_id"  # our custom argument; SendGrid puts those beside its own fields
# All that is kept of an event: the rest tells of people (IP, user agent, the mail's subject).
KEPT = ("event", "email", "timestamp", "sg_event_id", "sg_message_id", "type", "reason", REFERENCE)
LAST_SECOND = 253_402_300_799  # of the year 9999

_NOTHING_NEW = frozenset({"processed", "deferred", "open", "click", "group_resubscribe"})
_UNWANTED = {"spamreport": "spam", "unsubscribe": "unsubscribe", "group_unsubscribe": "unsubscribe"}
# Why SendGrid did not even try. Other reasons (quota, spam content, a bad header) are not the address's.
_DROPPED = {
    "bounced address": "bounce",
    "spam reporting address": "spam",
    "unsubscribed address": "unsubscribe",
    "invalid": "invalid_address",
}


def identify_all(payload: list[Any], body: bytes) -> list[tuple[Identity, Any]]:
    """Name each event of a batch, and say what is kept of it.

    One without an id of its own is named by what is kept. No chat: states only move forward, so
    events need no order and hold nobody up.
    """
    named = []
    for event in payload:
        kept = _kept(event)
        kind = _text(kept.get("event"))[:40] or "unknown"
        identifier = _text(kept.get("sg_event_id"))
        if not identifier or len(identifier) > 128:
            text = identifier or json.dumps(kept, sort_keys=True)
            identifier = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        named.append((Identity(kind, f"sendgrid:{identifier}", ""), kept))
    return named


def parse(payload: Any) -> Parsed:
    """Say what a stored event means."""
    if not isinstance(payload, dict):
        return Ignored("UNKNOWN_SHAPE")
    name = _text(payload.get("event"))
    outcome = _outcome(name, payload)
    if isinstance(outcome, Ignored):
        return outcome
    return MailEvent(
        reference=_text(payload.get(REFERENCE)),
        state=outcome.state,
        suppress_reason=outcome.suppress,
        address=_text(payload.get("email")).strip(),
        provider_message_id=_message_id(_text(payload.get("sg_message_id"))),
        reason_code=outcome.reason_code,
        at=_instant(payload.get("timestamp")),
    )


class _Outcome(NamedTuple):
    state: Literal["delivered", "failed"] | None
    suppress: str = ""
    reason_code: str = ""


def _outcome(name: str, payload: dict[str, Any]) -> _Outcome | Ignored:
    if name in _NOTHING_NEW:
        return Ignored("RECEIPT_NOT_HANDLED")
    if name in _UNWANTED:
        return _Outcome(None, _UNWANTED[name])
    if name == "delivered":
        return _Outcome("delivered")
    if name == "bounce":
        # `blocked` is a refusal for the moment: the address may be right.
        is_final = payload.get("type") == "bounce"
        return _Outcome("failed", "bounce", "BOUNCED") if is_final else _Outcome("failed", "", "BLOCKED")
    if name == "dropped":
        why = _text(payload.get("reason")).strip().lower()
        return _Outcome("failed", _DROPPED.get(why, ""), "DROPPED")
    return Ignored("EVENT_NOT_HANDLED" if name else "UNKNOWN_SHAPE")


def _message_id(text: str) -> str:
    """The `X-Message-Id` that the send was answered with: SendGrid appends its servers' names."""
    return re.split(r"\.(?:filter|recvd)", text, maxsplit=1)[0][:128]


def _instant(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _kept(event: Any) -> dict[str, Any]:
    """The members we know, as far as they are scalars."""
    members = event if isinstance(event, dict) else {}
    return {
        name: members[name]
        for name in KEPT
        if isinstance(members.get(name), str | int | float)  # bool is an int
    }


def _text(value: Any) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""
