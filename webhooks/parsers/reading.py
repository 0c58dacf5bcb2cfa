"""Reading JSON that others wrote: nothing here trusts a type."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from webhooks.signatures import parse_instant

SECRET_FIELD = re.compile(r"token|api[_-]?key|secret|password|signature", re.IGNORECASE)
SECONDS_BELOW = 100_000_000_000  # an epoch under this is in seconds (until 5138), over it in milliseconds


def scrub(payload: Any) -> Any:
    """Return the payload without the credentials that a provider puts into it, at whatever depth.

    Raises `RecursionError` for a payload that is nested beyond reason.
    """
    if isinstance(payload, dict):
        return {name: scrub(value) for name, value in payload.items() if not SECRET_FIELD.search(name)}
    if isinstance(payload, list):
        return [scrub(value) for value in payload]
    return payload


def dedup_key(kind: str, identifier: str) -> str:
    """A key of at most 200 characters, for a kind of at most 40; long identifiers are hashed."""
    if len(identifier) > 128:
        identifier = hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()
    return f"{kind}:{identifier}"


def as_instant(value: Any) -> datetime | None:
    """Read an epoch in seconds or milliseconds, a number or its digits, or ISO 8601 with zone; else None.

    Nothing happened at zero or before: providers mean by it that they do not know.
    """
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()):
            return _as_utc(parse_instant(value))
        if len(value) > 16:
            return None
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value if value < SECONDS_BELOW else value / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _as_utc(instant: datetime | None) -> datetime | None:
    try:
        return instant.astimezone(UTC) if instant else None
    except (ValueError, OverflowError):  # at the ends of the calendar
        return None


def as_flag(value: Any) -> bool:
    """Read a boolean, also where it is spelled as in `"False"` or `1`."""
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1")
    return value is True or (isinstance(value, int) and value == 1)


def as_text(value: Any) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""


def as_texts(value: Any) -> list[str]:
    return [as_text(one) for one in value if as_text(one)] if isinstance(value, list) else []


def as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
