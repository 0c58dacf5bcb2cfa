"""What became of messages: every end and every wait is written here, and only under its lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from integrations.delivery.retries import next_attempt
from integrations.errors import ProviderError
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
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
    """How one attempt ended. `error` is None when the provider accepted the message."""

    claimed: Claimed
    provider_message_id: str | None
    error: ProviderError | None
    latency_ms: int


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
    with service_scope(reason="record delivery results"):
        for result in results:
            _record(result, now)


def _record_alone(result: Result) -> bool:
    try:
        _record_together([result])
    except DatabaseError:
        log.exception("result_not_recorded", message_id=str(result.claimed.message_id))
        connection.close_if_unusable_or_obsolete()
        return False
    return True


def _record(result: Result, now: datetime) -> None:
    claimed, error = result.claimed, result.error
    retry_at = None
    if error is not None and error.retryable:
        retry_at = next_attempt(claimed.attempt_number, now, retry_after=error.retry_after)
    if error is None:
        outcome, changes = Outcome.SENT, _final(State.SENT, now, sent_at=now)
        changes["provider_message_id"] = result.provider_message_id
        changes |= {"reason_code": "", "error_message": ""}
    elif error.uncertain:
        outcome, changes = Outcome.UNKNOWN, _final(State.UNKNOWN, now)
    elif retry_at is not None:
        outcome = Outcome.RETRY
        changes = {
            "state": State.QUEUED,
            "next_attempt_at": retry_at,
            "lease_token": None,
            "leased_until": None,
        }
    else:
        outcome, changes = Outcome.FAILED, _final(State.FAILED, now)
    if error is not None:
        doubt = " Não se sabe se a mensagem saiu." if error.uncertain else ""
        changes |= {"reason_code": error.code, "error_message": redact_text(error.message) + doubt}
    # In the order in which an echo takes them: message, attempts, then what tells of it.
    held = OutboundMessage.objects.filter(
        id=claimed.message_id, client_id=claimed.client_id, state=State.SENDING, lease_token=claimed.lease
    )
    is_held = held.update(attempts=F("attempts") + 1, **changes)
    _close_attempt(result, outcome, now)
    if not is_held:
        log.warning("lease_lost", message_id=str(claimed.message_id), outcome=outcome.value)
        return
    _note_end(claimed.client_id, claimed.message_id, State(changes["state"]), result.provider_message_id)
    if error is not None and error.code == "INVALID_CREDENTIALS":
        _mark_broken(claimed.message_id, error)
    log.info(
        "message_attempted",
        client_id=str(claimed.client_id),
        message_id=str(claimed.message_id),
        outcome=outcome.value,
        code=error.code if error else None,
        latency_ms=result.latency_ms,
    )


def _final(state: OutboundMessage.State, now: datetime, **changes: Any) -> dict[str, Any]:
    return {"state": state, "finished_at": now, **_ERASED, **changes}


def _close_attempt(result: Result, outcome: DeliveryAttempt.Outcome, now: datetime) -> None:
    error = result.error
    DeliveryAttempt.objects.filter(id=result.claimed.attempt_id, finished_at=None).update(
        outcome=outcome,
        finished_at=now,
        latency_ms=result.latency_ms,
        error_code=error.code if error else "",
        error_message=redact_text(error.message) if error else "",
        http_status=error.http_status if error else None,
    )


def _note_end(
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
        cause=Cause((*cause.chain, *decided_by.chain)) if decided_by else cause,
        conversation_id=row.conversation_id,
        data={"message_id": str(message_id), "reason_code": row.reason_code},
    )


def _mark_broken(message_id: UUID, error: ProviderError) -> None:
    Integration.objects.filter(outboundmessage__id=message_id).update(
        status=Integration.Status.ERROR, last_error=redact_text(error.message), updated_at=clock.now()
    )


def refuse(row: OutboundMessage, reason: str, now: datetime) -> None:
    """The gate said no: the message ends without having been tried."""
    OutboundMessage.objects.filter(id=row.id, lease_token=row.lease_token).update(
        **_final(State.FAILED, now, reason_code=reason)
    )
    _note_end(row.client_id, row.id, State.FAILED)


def hold(row: OutboundMessage, until: datetime, reason: str) -> None:
    """The gate said later: the message waits and is judged again."""
    OutboundMessage.objects.filter(id=row.id, lease_token=row.lease_token).update(
        state=State.QUEUED, next_attempt_at=until, reason_code=reason, lease_token=None, leased_until=None
    )


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
                attempts=F("attempts") + 1, reason_code="WORKER_LOST", **_final(State.UNKNOWN, now)
            )
            DeliveryAttempt.objects.filter(message_id=message_id, finished_at=None).update(
                outcome=Outcome.UNKNOWN, finished_at=now, error_code="WORKER_LOST"
            )
            _note_end(client_id, message_id, State.UNKNOWN)
            log.warning("message_unknown", client_id=str(client_id), message_id=str(message_id))
    return len(expired)


def settle_as_sent(client_id: UUID, message_id: UUID, provider_message_id: str) -> bool:
    """The provider showed us the message with our reference: it was sent, whatever we believed.

    The caller is in a scope. Returns whether that was news.
    """
    now = clock.now()
    moved = OutboundMessage.objects.filter(
        id=message_id,
        client_id=client_id,
        state__in=[State.QUEUED, State.SENDING, State.UNKNOWN],
    ).update(
        **_final(
            State.SENT,
            now,
            sent_at=now,
            provider_message_id=provider_message_id,
            reason_code="ECHOED",
            error_message="",
        )
    )
    if moved:
        DeliveryAttempt.objects.filter(message_id=message_id, finished_at=None).update(
            outcome=Outcome.SENT, finished_at=now
        )
        _note_end(client_id, message_id, State.SENT, provider_message_id)
    return bool(moved)


def settle_by_person(client_id: UUID, message_id: UUID, *, sent: bool, cause: Cause) -> bool:
    """A person looked and knows what became of an `unknown` message; its attempts stay as they were.

    The caller is in a scope. Returns False, having changed nothing, if it is not unknown any more.
    """
    now = clock.now()
    if sent:
        # It left when it was tried, which is shortly before it became unknown.
        changes = _final(State.SENT, now, sent_at=Coalesce(F("finished_at"), Value(now)))
    else:
        changes = _final(State.FAILED, now)
    moved = OutboundMessage.objects.filter(id=message_id, client_id=client_id, state=State.UNKNOWN).update(
        **changes, reason_code="SETTLED_BY_PERSON"
    )
    if moved:
        _note_end(client_id, message_id, State(changes["state"]), decided_by=cause)
    return bool(moved)
