"""Keep credentials out of the journal: people paste it into tickets and screenshots."""

import re
from typing import Any

from yarl import URL

MASK = "***"

_SECRET_ENDINGS = (
    "token",
    "apikey",
    "secret",
    "password",
    "passwd",
    "authorization",
    "credential",
    "privatekey",
)
_MAX_DEPTH = 32
# Only for bodies that are not JSON, where there are no keys to go by.
_SECRET_IN_TEXT = re.compile(
    r"""((?:token|api[_-]?key|secret|password|authorization|url)["']?\s*[:=]\s*)("[^"]*"?|[^\s&,}]+)""",
    re.IGNORECASE,
)


def masked(value: Any, *, depth: int = 0) -> Any:
    """Copy a parsed JSON value with every secret in it replaced by `***`."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {key: _masked_member(key, member, depth) for key, member in value.items()}
    if isinstance(value, list):
        return [masked(member, depth=depth + 1) for member in value]
    return value


def masked_text(text: str) -> str:
    return _SECRET_IN_TEXT.sub(rf"\1{MASK}", text)


def masked_url(text: str) -> str:
    """Hide what authenticates a webhook URL: the last segment of its path, user info and query values.

    Only `/webhooks/<provider>` is shown whole: that address is the same for everybody.
    """
    try:
        url = URL(text)
        segments = [part for part in url.path.split("/") if part]
        if not (len(segments) == 2 and segments[0] == "webhooks"):
            segments = [*segments[:-1], MASK] if segments else []
        path = "/" + "/".join(segments)
        origin = str(url.origin()) if url.absolute else ""
    except ValueError:
        return MASK
    query = "?" + "&".join(f"{name}={MASK}" for name in url.query) if url.query else ""
    return f"{origin}{path}{query}"


def _masked_member(key: str, member: Any, depth: int) -> Any:
    name = key.lower().replace("-", "").replace("_", "")
    if name.removesuffix("s").endswith(_SECRET_ENDINGS):
        return MASK
    if name in ("url", "destination") and isinstance(member, str):
        return masked_url(member)
    return masked(member, depth=depth + 1)
