"""The `Prefer: wait` header of RFC 7240."""

from __future__ import annotations

import re

MAX_WAIT_SECONDS = 10
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", re.IGNORECASE)


def wait_seconds(header: str) -> int:
    """How long the caller would wait for the outcome: 0 if not asked, at most 10 s."""
    match = _WAIT.search(header)
    return min(int(match[1]), MAX_WAIT_SECONDS) if match else 0
