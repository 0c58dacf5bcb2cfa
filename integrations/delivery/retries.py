"""When a failed send is tried again."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

DELAYS_SECONDS = (1.0, 5.0, 25.0)
JITTER = 0.2


def is_last_try(attempts: int) -> bool:
    """Tell whether no retry is left after this many tries."""
    return attempts > len(DELAYS_SECONDS)


def next_attempt(
    attempts: int, now: datetime, *, retry_after: float | None = None, rng: random.Random | None = None
) -> datetime | None:
    """The instant of the next try after `attempts` tries, or None when there is none left.

    1 s, 5 s, 25 s, each ± 20 %; a provider that names a longer wait is obeyed, up to an hour.
    """
    if is_last_try(attempts):
        return None
    delay = DELAYS_SECONDS[attempts - 1] * (rng or random).uniform(1 - JITTER, 1 + JITTER)
    return now + timedelta(seconds=max(delay, min(retry_after or 0.0, 3600.0)))
