"""What became of messages: every end and every wait is written here, and only under its lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.db.models import F

from integrations import cache
from integrations.delivery import breaker
from integrations.delivery.acceptance import record_accepted
from integrations.delivery.gate import Reason
from integrations.delivery.retries import next_attempt
from integrations.delivery.routes import fallback_for
from integrations.errors import ProviderError, SessionDisconnected
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from integrations.providers import RefusedRecipient
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.conversations.services import advance_message
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from renum.security.redaction import redact_text

if TYPE_CHECKING:
    from integrations.delivery.claims import Claimed

log = structlog.get_logger(__name__)

State = OutboundMessage.State
Outcome = DeliveryAttempt.Outcome

# What a final state erases: the words and the address are no longer needed (rule I7).
_ERASED: dict[str, Any] = {"body": None, "recipient": None, "lease_token": None, "leased_until": None}
_EVENTS = {
    State.SENT: Event.Kind.MESSAGE_SENT,
    State.FAILED: Event.Kind.MESSAGE_FAILED,
    State.UNKNOWN: Event.Kind.MESSAGE_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt ended. `error` is None when the provider accepted the message.

    `refused`: who of a mail's recipients did not get it all the same. `digits`: the number as WhatsApp
    knows it, where it was asked.
    """

    claimed: Claimed
    provider_message_id: str | None
    error: ProviderError | None
    latency_ms: int
    refused: tuple[RefusedRecipient, ...] = ()
    digits: str | None = None


def record_results(results: Sequence[Result]) -> list[Result]:
    """Write a group of results in one transaction. Results whose lease is lost change no message.

    If one of them cannot be written, or an echo being processed locks the same messages in another
    order, each is written by itself. Returns those that could not be written at all.
    """
    try:
        _record_together(results)
    except DatabaseError as error:
        log.warning("results_recorded_one_by_one", count=len(results), reason=type(error).__name__)
        connection.close_if_unusable_or_obsolete()
        return [result for result in results if not _record_alone(result)]
    return []


def _record_together(results: Sequence[Result]) -> None:
    now = clock.now()
    accepted = [result for result in results if result.error is None]
    with service_scope(reason="record delivery results"):
        if accepted:
            record_accepted(accepted, now)
        for result in results:
            if result.error is not None:
                _record_failure(result, result.error, now)
        breaker.note_outcomes(
            [(one.claimed.integration_id, one.claimed.client_id, one.error) for one in results], now
        )


def _record_alone(result: Result) -> bool:
    try:
        _record_together([result])
    except DatabaseError:
        log.exception("result_not_recorded", message_id=str(result.claimed.message_id))
        connection.close_if_unusable_or_obsolete()
        return False
    return True


def _record_failure(result: Result, error: ProviderError, now: datetime) -> None:
    claimed = result.claimed
    outcome, changes = _not_sent(claimed, error, now)
    # In the order in which an echo takes them: message, attempts, then what tells of it.
    held = OutboundMessage.objects.filter(
        id=claimed.message_id, client_id=claimed.client_id, state=State.SENDING, lease_token=claimed.lease
    )
    is_held = held.update(attempts=F("attempts") + 1, **changes)
    _close_attempt(result, error, outcome, now)
    if not is_held:
        log.warning("lease_lost", message_id=str(claimed.message_id), outcome=outcome.value)
        return
    note_end(claimed.client_id, claimed.message_id, State(changes["state"]))
    _mark_broken(claimed, error)
    log.info(
        "message_attempted",
        client_id=str(claimed.client_id),
        message_id=str(claimed.message_id),
        outcome=outcome.value,
        code=error.code,
        latency_ms=result.latency_ms,
    )


def _not_sent(
    claimed: Claimed, error: ProviderError, now: datetime
) -> tuple[DeliveryAttempt.Outcome, dict[str, Any]]:
    """What becomes of a message that was tried in vain, or perhaps in vain."""
    doubt = " Não se sabe se a mensagem saiu." if error.uncertain else ""
    told = {"reason_code": error.code, "error_message": redact_text(error.message) + doubt}
    if error.uncertain:
        return Outcome.UNKNOWN, {**final_changes(State.UNKNOWN, now), **told}
    again = _next_try(claimed, error, now) if error.retryable else None
    if again is None:
        return Outcome.FAILED, {**final_changes(State.FAILED, now), **told}
    queued = {"state": State.QUEUED, "lease_token": None, "leased_until": None}
    return Outcome.RETRY, {**queued, **again, **told}


def _next_try(claimed: Claimed, error: ProviderError, now: datetime) -> dict[str, Any] | None:
    """When and how a message goes again that certainly did not arrive; None when no retry is left."""
    integration = Integration.objects.get(id=claimed.integration_id)
    other = fallback_for(integration)
    if other is not None:  # there it has all of its tries
        spared = claimed.attempt_number
        return {"integration_id": other.id, "next_attempt_at": now, "attempts_spared": spared}
    if breaker.is_spared(error, was_probe=claimed.is_probe):
        pause = timedelta(seconds=breaker.OPEN_SECONDS)
        return {"next_attempt_at": now + pause, "attempts_spared": F("attempts_spared") + 1}
    counted = claimed.attempt_number - claimed.spared
    at = next_attempt(counted, now, retry_after=error.retry_after)
    return {"next_attempt_at": at} if at is not None else None


def final_changes(state: OutboundMessage.State, now: datetime, **changes: Any) -> dict[str, Any]:
    """What a final state changes on the row: the words and the address go (rule I7)."""
    return {"state": state, "finished_at": now, **_ERASED, **changes}


def _close_attempt(
    result: Result, error: ProviderError, outcome: DeliveryAttempt.Outcome, now: datetime
) -> None:
    DeliveryAttempt.objects.filter(id=result.claimed.attempt_id, finished_at=None).update(
        outcome=outcome,
        finished_at=now,
        latency_ms=result.latency_ms,
        error_code=error.code,
        error_message=redact_text(error.message),
        http_status=error.http_status,
    )


def note_end(
    client_id: UUID,
    message_id: UUID,
    state: OutboundMessage.State,
    provider_message_id: str | None = None,
    *,
    decided_by: Cause | None = None,
) -> None:
    """Carry a final state over to the conversation's message and the event log.

    `decided_by` goes on from the message's own chain: who decided what the provider did not say.
    """
    if state not in _EVENTS:
        return
    advance_message(client_id, [message_id], Message.State(state.value), provider_message_id)
    row = OutboundMessage.objects.only("conversation_id", "cause", "reason_code").get(id=message_id)
    cause = Cause(tuple(row.cause)).noting("message", message_id)
    record_event(
        client_id,
        _EVENTS[state],
        cause=cause.followed_by(decided_by) if decided_by else cause,
        conversation_id=row.conversation_id,
        data={"message_id": str(message_id), "reason_code": row.reason_code},
    )


def _mark_broken(claimed: Claimed, error: ProviderError) -> None:
    """Show on the connection what is wrong with it, and not with the message."""
    status = (
        Integration.Status.ERROR
        if error.code == "INVALID_CREDENTIALS"
        else Integration.Status.DISCONNECTED
        if isinstance(error, SessionDisconnected)
        else None
    )
    if status is not None:
        shown = Integration.objects.filter(id=claimed.integration_id)
        shown.update(status=status, last_error=redact_text(error.message), updated_at=clock.now())
        cache.forget(shown.get())


def refuse(row: OutboundMessage, reason: str, now: datetime) -> None:
    """The gate said no: the message ends without having been tried."""
    OutboundMessage.objects.filter(id=row.id, lease_token=row.lease_token).update(
        **final_changes(State.FAILED, now, reason_code=reason)
    )
    note_end(row.client_id, row.id, State.FAILED)


def hold(row: OutboundMessage, until: datetime, reason: str) -> None:
    """The gate said later: the message waits and is judged again."""
    OutboundMessage.objects.filter(id=row.id, lease_token=row.lease_token).update(
        state=State.QUEUED, next_attempt_at=until, reason_code=reason, lease_token=None, leased_until=None
    )


def release_held(
    client_id: UUID | None = None, *, integration_id: UUID | None = None, reasons: Sequence[str] = ()
) -> int:
    """Have held messages judged again now, because what held them has changed; returns how many.

    Without `client_id`, everybody's. The caller is in a scope.
    """
    held = OutboundMessage.objects.filter(
        state=State.QUEUED, reason_code__in=reasons or list(Reason), next_attempt_at__gt=clock.now()
    )
    if client_id is not None:
        held = held.filter(client_id=client_id)
    if integration_id is not None:
        held = held.filter(integration_id=integration_id)
    return held.update(next_attempt_at=clock.now())


def reap_expired_leases(limit: int = 500) -> int:
    """Call sends whose worker is gone `unknown`: their bytes may have left. Returns how many."""
    now = clock.now()
    with service_scope(reason="reap expired leases"):
        expired = list(
            OutboundMessage.objects.filter(state=State.SENDING, leased_until__lt=now)
            .select_for_update(skip_locked=True, of=("self",))
            .values_list("id", "client_id")[:limit]
        )
        for message_id, client_id in expired:
            OutboundMessage.objects.filter(id=message_id).update(
                attempts=F("attempts") + 1, reason_code="WORKER_LOST", **final_changes(State.UNKNOWN, now)
            )
            DeliveryAttempt.objects.filter(message_id=message_id, finished_at=None).update(
                outcome=Outcome.UNKNOWN, finished_at=now, error_code="WORKER_LOST"
            )
            note_end(client_id, message_id, State.UNKNOWN)
            log.warning("message_unknown", client_id=str(client_id), message_id=str(message_id))
    return len(expired)
