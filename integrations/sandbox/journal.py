"""What arrived, in order. Held in memory only: the newest 50,000 entries, older ones are forgotten."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CAPACITY = 50_000
PENDING = "pending"


@dataclass
class Entry:
    provider: str
    method: str
    path: str
    body: Any
    at: str
    outcome: str = PENDING


class Journal:
    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: deque[Entry] = deque(maxlen=capacity)

    def add(self, provider: str, method: str, path: str, body: Any, outcome: str = PENDING) -> Entry:
        """Write one line. The body must be masked already; the outcome may be filled in later."""
        entry = Entry(provider, method, path, body, utc_text(datetime.now(UTC)), outcome)
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        self._entries.clear()

    def list_entries(self, provider: str = "", path: str = "", limit: int = CAPACITY) -> list[dict[str, Any]]:
        """Return the newest `limit` entries, oldest first, of one provider and with `path` in their path."""
        found: Iterable[Entry] = self._entries
        if provider or path:
            found = (entry for entry in found if provider in ("", entry.provider) and path in entry.path)
        return [dict(vars(entry)) for entry in found][-limit:]


def utc_text(instant: datetime, *, timespec: str = "milliseconds") -> str:
    """Format an aware instant as ISO-8601 in UTC, with the `Z` that the providers use."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
