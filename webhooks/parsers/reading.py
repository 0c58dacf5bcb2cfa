"""Reading JSON that others wrote: nothing here trusts a type."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

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
    """Read an epoch in seconds or milliseconds, a number or its digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value if value < SECONDS_BELOW else value / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def as_text(value: Any) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""


def as_texts(value: Any) -> list[str]:
    return [as_text(one) for one in value if as_text(one)] if isinstance(value, list) else []


def as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
