"""How often a client may knock, counted exactly over all processes.

With Redis down nobody is turned away for knocking too often: these limits protect us. Those that protect
a number (daily limit, pace, cap) are counted in Postgres and hold all the same.
"""

from __future__ import annotations

from uuid import UUID

from renum.api.throttling import spend

# What one client may ask for in a minute, on each door.
RATES = {
    "send": "600/minute",
    "configure": "20/minute",  # each makes us connect to an address that somebody typed
    "test": "30/minute",
    "query": "120/minute",
    "tool": "600/minute",  # of agents elsewhere, that neither sends nor reads
    "ask": "60/minute",  # each keeps a model busy
}


def admit(client_id: UUID, door: str) -> None:
    """Count one request at a door; raises `RateLimited` with the seconds to wait."""
    spend(RATES[door], door, str(client_id))
