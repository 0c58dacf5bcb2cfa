"""May this message leave now? A pure function: no database, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from integrations.delivery.quiet import QuietTimes, Silence

SWITCH_SECONDS = 3600  # a switch has no end that is known: look again after this long
_MOMENT = timedelta(microseconds=1)


class Reason(StrEnum):
    """Stable codes, stored with the message and shown to people."""

    # refused
    EXPIRED = "EXPIRED"
    OPTED_OUT = "OPTED_OUT"
    CLIENT_SUSPENDED = "CLIENT_SUSPENDED"
    INTEGRATION_DISABLED = "INTEGRATION_DISABLED"
    MISCONFIGURED = "MISCONFIGURED"  # found when the message is opened, not by the gate itself
    # held; refused instead, if waiting would outlast the message
    KILL_SWITCH_ALL = "KILL_SWITCH_ALL"
    KILL_SWITCH_CLIENT = "KILL_SWITCH_CLIENT"
    KILL_SWITCH_NUMBER = "KILL_SWITCH_NUMBER"
    BREAKER_OPEN = "BREAKER_OPEN"
    DAILY_LIMIT = "DAILY_LIMIT"
    NEW_CHATS_BLOCKED = "NEW_CHATS_BLOCKED"
    QUIET_HOURS = "QUIET_HOURS"
    HOLIDAY = "HOLIDAY"
    CONTACT_CAP = "CONTACT_CAP"
    PACE = "PACE"


SWITCHES = (Reason.KILL_SWITCH_ALL, Reason.KILL_SWITCH_CLIENT, Reason.KILL_SWITCH_NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision depends on.

    `proactive`: nobody asked for it just now, so quiet times, cap and pace apply. `new_chat`: the
    person never wrote to us. `sent_today` and `sent_to_contact` count what left or may have left.
    `day_ends_at`: next midnight in the client's zone. `contact_free_at`: when the cap has room again.
    """

    not_after: datetime | None
    client_active: bool
    integration_enabled: bool
    suppressed: bool
    sent_today: int
    daily_limit: int
    day_ends_at: datetime
    proactive: bool = True
    all_paused: bool = False
    client_paused: bool = False
    number_paused: bool = False
    breaker_open_until: datetime | None = None
    new_chat: bool = False
    new_chats_blocked_until: datetime | None = None
    quiet: QuietTimes | None = None
    sent_to_contact: int = 0
    contact_cap: int | None = None
    contact_free_at: datetime | None = None
    next_proactive_at: datetime | None = None


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
    """Answer send, hold-until or refuse. What ends the message for good is looked at first.

    Of several reasons to wait the longest counts, so that a message is not judged again in vain.
    """
    final = _refusal(facts, now)
    if final is not None:
        return Refuse(final)
    switched_off = _switch(facts)
    if switched_off is not None:
        return _hold_for_switch(switched_off, facts, now)
    holds = [hold for hold in _holds(facts, now) if hold.until > now]
    if not holds:
        return Send()
    longest = max(holds, key=lambda hold: hold.until)
    if facts.not_after is not None and longest.until > facts.not_after:
        return Refuse(longest.reason)
    return longest


def _refusal(facts: Facts, now: datetime) -> Reason | None:
    if facts.not_after is not None and now > facts.not_after:
        return Reason.EXPIRED
    if facts.suppressed:
        return Reason.OPTED_OUT
    if not facts.client_active:
        return Reason.CLIENT_SUSPENDED
    if not facts.integration_enabled:
        return Reason.INTEGRATION_DISABLED
    return None


def _switch(facts: Facts) -> Reason | None:
    flags = (facts.all_paused, facts.client_paused, facts.number_paused)
    return next((reason for reason, is_off in zip(SWITCHES, flags, strict=True) if is_off), None)


def _hold_for_switch(reason: Reason, facts: Facts, now: datetime) -> Hold:
    """Wait for a person; but no longer than the message is of use, after which it expires."""
    until = now + timedelta(seconds=SWITCH_SECONDS)
    if facts.not_after is not None:
        until = min(until, facts.not_after + _MOMENT)
    return Hold(until, reason)


def _holds(facts: Facts, now: datetime) -> Iterator[Hold]:
    if facts.breaker_open_until is not None:
        yield Hold(facts.breaker_open_until, Reason.BREAKER_OPEN)
    if facts.sent_today >= facts.daily_limit:
        yield Hold(facts.day_ends_at, Reason.DAILY_LIMIT)
    if facts.new_chat and facts.new_chats_blocked_until is not None:
        yield Hold(facts.new_chats_blocked_until, Reason.NEW_CHATS_BLOCKED)
    if not facts.proactive:
        return
    silence = facts.quiet.silence_at(now) if facts.quiet else None
    if silence is not None:
        until, kind = silence
        yield Hold(until, Reason.HOLIDAY if kind is Silence.HOLIDAY else Reason.QUIET_HOURS)
    if facts.contact_cap is not None and facts.sent_to_contact >= facts.contact_cap:
        yield Hold(facts.contact_free_at or facts.day_ends_at, Reason.CONTACT_CAP)
    if facts.next_proactive_at is not None:
        yield Hold(facts.next_proactive_at, Reason.PACE)
