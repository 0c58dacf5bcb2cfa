"""Store what a provider told us, each event once, before we say 200.

Requests that arrive together are counted together and committed together.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import InterfaceError, OperationalError

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import ServiceStatement
from renum.api.throttling import Allowance, use_all
from renum.batching import Batcher
from renum.errors import RateLimited
from renum.security.blind_index import blind_index
from renum.wakeups import wake_after_commit
from webhooks.endpoints import VERSION, Endpoint
from webhooks.errors import InvalidPayload
from webhooks.models import InboundEvent
from webhooks.parsers.base import Identity
from webhooks.services import PARSERS, PROCESS_QUEUE, PROCESS_TASK

MAX_TOGETHER = 64  # requests, of a mebibyte at most
PATIENCE_SECONDS = 0.01  # that a group waits for those whose requests have begun
# While one group follows another, workers are woken this often; after the last they always are.
WAKE_SECONDS = 0.05
_PAYLOAD = InboundEvent._meta.get_field("payload")

# Rows go in in the order of their key, so that two groups with the same events cannot wait for each other.
_STORE = ServiceStatement(
    "renum_take_in",
    "json, json",
    f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1) AS a (number int, integration_id uuid, version text)
), open AS MATERIALIZED (
    SELECT asked.number, integrations.id, integrations.client_id
    FROM asked
    JOIN integrations ON integrations.id = asked.integration_id
    JOIN clients ON clients.id = integrations.client_id
    WHERE {VERSION} = asked.version AND integrations.removed_at IS NULL
        AND clients.status = '{Client.Status.ACTIVE}'
), stored AS (
    INSERT INTO inbound_events (
        id, client_id, integration_id, kind, dedup_key, chat_index, payload,
        state, reason_code, attempts, next_attempt_at, received_at
    )
    SELECT e.id, open.client_id, open.id, e.kind, e.dedup_key, e.chat_index, decode(e.payload, 'base64'),
        '{InboundEvent.State.PENDING}', '', 0, to_timestamp(e.received_at), to_timestamp(e.received_at)
    FROM json_to_recordset($2) AS e (
        number int, id uuid, kind text, dedup_key text, chat_index text, payload text, received_at float8
    )
    JOIN open USING (number)
    ORDER BY open.id, e.dedup_key
    ON CONFLICT (integration_id, dedup_key) DO NOTHING
)
SELECT number FROM open
""",  # noqa: S608 - constants only
    reason="take in webhooks",
)


@dataclass(slots=True)
class _Delivery:
    endpoint: Endpoint
    rows: list[dict[str, Any]]
    uncounted: list[Allowance]
    wakes: bool = False  # somebody, for all that were committed with it


# Whether it was stored, or else the seconds to wait, or why the database did not do it.
_Outcome = bool | float | Exception


def as_rows(endpoint: Endpoint, payload: Any, body: bytes) -> list[dict[str, Any]]:
    """The inbox rows of a request's events, without credentials; raises `InvalidPayload`."""
    try:
        events = PARSERS[endpoint.provider].identify_all(payload, body)
    except RecursionError as error:
        raise InvalidPayload from error
    return [_as_row(endpoint, identity, kept) for identity, kept in events]


def take_in(endpoint: Endpoint, rows: list[dict[str, Any]], uncounted: list[Allowance]) -> bool:
    """Commit a verified request's rows, all or none, and wake a worker.

    False if the integration is not any more what `endpoint` says: then nothing is stored. `uncounted` is
    counted first, and emptied. Raises `RateLimited`, and the database's errors.
    """
    delivery = _Delivery(endpoint, rows, uncounted)
    try:
        outcome = _together.do(delivery)
    finally:
        if delivery.wakes:
            wake_after_commit(PROCESS_TASK, PROCESS_QUEUE)
    if isinstance(outcome, Exception):
        raise outcome
    if not isinstance(outcome, bool):
        raise RateLimited(retry_after=outcome)
    return outcome


def allowance_of_client(endpoint: Endpoint) -> Allowance:
    """What a client's webhooks may use; only what is known to come from its provider counts."""
    return Allowance(endpoint.allowance_name, settings.ENVIRONMENT.webhooks_per_minute)


def _as_row(endpoint: Endpoint, identity: Identity, kept: Any) -> dict[str, Any]:
    row_id, chat = str(uuid4()), identity.chat
    sealed = None if kept is None else _PAYLOAD.seal(kept, InboundEvent, endpoint.client_id, row_id)
    return {
        "id": row_id,
        "kind": identity.kind,
        "dedup_key": identity.dedup_key,
        "chat_index": blind_index(endpoint.client_id, "chat", chat) if chat else "",
        "payload": base64.b64encode(sealed.envelope).decode() if sealed else None,
        "received_at": clock.now().timestamp(),
    }


def _store_all(deliveries: list[_Delivery]) -> list[_Outcome]:
    waits = use_all([delivery.uncounted for delivery in deliveries])
    admitted = [delivery for delivery, wait in zip(deliveries, waits, strict=True) if not wait]
    for delivery in admitted:
        delivery.uncounted.clear()  # once, also if this has to be tried again
    stored: set[int] = set()
    try:
        if admitted:
            stored = {id(delivery) for delivery in _insert(admitted)}
            _wakes.owe()
    except (OperationalError, InterfaceError) as error:
        return [wait or error for wait in waits]  # no request by itself would fare better
    finally:
        deliveries[0].wakes = _wakes.is_due()  # the first is the caller's own
    return [wait or id(delivery) in stored for delivery, wait in zip(deliveries, waits, strict=True)]


def _insert(deliveries: list[_Delivery]) -> list[_Delivery]:
    """Those whose integrations are still what their endpoints say; their rows are stored."""
    asked: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}  # of an endpoint, by its identity: mostly there is one for all
    for delivery in deliveries:
        endpoint = delivery.endpoint
        number = numbers.setdefault(id(endpoint), len(numbers))
        if number == len(asked):
            asked.append(
                {
                    "number": number,
                    "integration_id": str(endpoint.integration_id),
                    "version": endpoint.version,
                }
            )
        rows += [{"number": number, **row} for row in delivery.rows]
    is_open = {number for (number,) in _STORE.fetch(json.dumps(asked), json.dumps(rows))}
    return [delivery for delivery in deliveries if numbers[id(delivery.endpoint)] in is_open]


class _Wakes:
    """Whether a worker is still to be told of what was stored."""

    def __init__(self) -> None:
        self._owed = False
        self._last = 0.0

    def owe(self) -> None:
        self._owed = True

    def is_due(self) -> bool:
        """True if whoever asks has to wake one; no group follows, or the last time is a while ago."""
        now = time.monotonic()
        if not self._owed or (_together.someone_waits and now - self._last < WAKE_SECONDS):
            return False
        self._owed, self._last = False, now
        return True


_wakes = _Wakes()
_together: Batcher[_Delivery, _Outcome] = Batcher(_store_all, limit=MAX_TOGETHER, patience=PATIENCE_SECONDS)
expected = _together.expected
