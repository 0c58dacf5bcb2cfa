"""May this message leave now? A pure function: no database, no clock, no network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Stable codes, stored with the message and shown to people."""

    EXPIRED = "EXPIRED"
    CLIENT_SUSPENDED = "CLIENT_SUSPENDED"
    INTEGRATION_DISABLED = "INTEGRATION_DISABLED"
    OPTED_OUT = "OPTED_OUT"
    DAILY_LIMIT = "DAILY_LIMIT"
    MISCONFIGURED = "MISCONFIGURED"  # found when the message is opened, not by the gate itself


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision depends on. `day_ends_at`: next midnight in the client's zone."""

    not_after: datetime | None
    client_active: bool
    integration_enabled: bool
    suppressed: bool
    sent_today: int
    daily_limit: int
    day_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Send:
    pass


@dataclass(frozen=True, slots=True)
class Hold:
    """Judge again at `until`."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refuse:
    reason: Reason


Decision = Send | Hold | Refuse


def judge(facts: Facts, now: datetime) -> Decision:
    """Answer send, hold-until or refuse; refusals are checked first, the final ones before others."""
    if facts.not_after is not None and now > facts.not_after:
        return Refuse(Reason.EXPIRED)
    if facts.suppressed:
        return Refuse(Reason.OPTED_OUT)
    if not facts.client_active:
        return Refuse(Reason.CLIENT_SUSPENDED)
    if not facts.integration_enabled:
        return Refuse(Reason.INTEGRATION_DISABLED)
    if facts.sent_today >= facts.daily_limit:
        if facts.not_after is not None and facts.day_ends_at > facts.not_after:
            return Refuse(Reason.DAILY_LIMIT)
        return Hold(facts.day_ends_at, Reason.DAILY_LIMIT)
    return Send()
