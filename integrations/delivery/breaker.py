"""A circuit breaker for each connection, in Postgres: it outlives workers, and is exact over all of them.

After five failures in a row nothing is sent for 60 s; then one message goes as a probe, under a lease,
and its answer decides. Waiting uses up no retry, nor does a probe that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from integrations.delivery.routes import reroute_waiting
from integrations.errors import (
    NewChatsBlocked,
    ProtocolError,
    ProviderError,
    SessionDisconnected,
    TimedOut,
    Unavailable,
)
from integrations.models import DeliveryState, Integration

log = structlog.get_logger(__name__)

THRESHOLD = 5  # the brief's, as is the pause
OPEN_SECONDS = 60
# The vendor tells of the restriction, but not dependably for how long: look again after a day.
NEW_CHATS_BLOCKED_SECONDS = 24 * 3600
_FAILURES = (Unavailable, TimedOut, ProtocolError)


@dataclass(frozen=True, slots=True)
class Breaker:
    """`open_until` is kept while a probe is out: only an answer closes the breaker."""

    failures: int = 0
    open_until: datetime | None = None


def after(breaker: Breaker, error: ProviderError | None, now: datetime) -> Breaker:
    """The breaker once an attempt ended so. What reached the provider and was refused is no failure,
    nor is a mailbox that is busy."""
    if not isinstance(error, _FAILURES) or error.about_recipient:
        return Breaker()
    failures = breaker.failures + 1
    trips = failures >= THRESHOLD or breaker.open_until is not None or isinstance(error, SessionDisconnected)
    return Breaker(failures, now + timedelta(seconds=OPEN_SECONDS) if trips else None)


def is_spared(error: ProviderError, *, was_probe: bool) -> bool:
    """Tell whether the attempt uses up no retry: it was the connection's, not the message's."""
    return error.retryable and (was_probe or isinstance(error, SessionDisconnected))


def note_outcomes(ended: Sequence[tuple[UUID, UUID, ProviderError | None]], now: datetime) -> None:
    """Move the breakers on by attempts that ended, as (integration, client, error), in their order.

    The caller is in a scope. Integrations are locked in the order of their ids, so that two recorders
    do not wait for each other.
    """
    failed = {one[0] for one in ended if isinstance(one[2], (*_FAILURES, NewChatsBlocked))}
    known = DeliveryState.objects.filter(integration_id__in={one[0] for one in ended} - failed)
    troubled = known.exclude(failures=0, open_until=None, probe_until=None)
    # Where nothing failed, and nothing had, the row stays untouched.
    for integration_id in sorted(failed | set(troubled.values_list("integration_id", flat=True))):
        mine = [(client, error) for integration, client, error in ended if integration == integration_id]
        _note(integration_id, mine[0][0], [error for _, error in mine], now)


def _note(
    integration_id: UUID, client_id: UUID, errors: Sequence[ProviderError | None], now: datetime
) -> None:
    known = DeliveryState.objects.filter(integration_id=integration_id)
    DeliveryState.objects.bulk_create(
        [DeliveryState(integration_id=integration_id, client_id=client_id)], ignore_conflicts=True
    )
    state = known.select_for_update().get()
    breaker = before = Breaker(state.failures, state.open_until)
    for error in errors:
        breaker = after(breaker, error, now)
        if isinstance(error, NewChatsBlocked):
            state.new_chats_blocked_until = now + timedelta(seconds=NEW_CHATS_BLOCKED_SECONDS)
    state.failures, state.open_until = min(breaker.failures, 32767), breaker.open_until
    state.probe_until = None
    state.save(update_fields=["failures", "open_until", "probe_until", "new_chats_blocked_until"])
    if breaker.open_until and not before.open_until:
        log.warning("breaker_opened", integration_id=str(integration_id), failures=breaker.failures)
        reroute_waiting(Integration.objects.get(id=integration_id))
    elif before.open_until and not breaker.open_until:
        log.info("breaker_closed", integration_id=str(integration_id))


def close(integration: Integration) -> None:
    """Use the connection again at once: it was seen to work. The caller is in a scope."""
    DeliveryState.objects.filter(integration=integration).update(
        failures=0, open_until=None, probe_until=None
    )


def start_probe(integration: Integration, until: datetime) -> None:
    """One message is out to see whether the connection works; until its lease ends no other goes."""
    DeliveryState.objects.filter(integration=integration).update(probe_until=until)


def note_slot(integration: Integration, at: datetime) -> DeliveryState:
    """The number's next message that nobody asked for leaves at `at`, or later."""
    state, _ = DeliveryState.objects.update_or_create(
        integration=integration,
        defaults={"next_proactive_at": at},
        create_defaults={"client_id": integration.client_id, "next_proactive_at": at},
    )
    return state


def allow_new_chats(integration: Integration) -> bool:
    """Forget WhatsApp's restriction; returns whether one was noted."""
    noted = DeliveryState.objects.filter(integration=integration, new_chats_blocked_until__isnull=False)
    return bool(noted.update(new_chats_blocked_until=None))
