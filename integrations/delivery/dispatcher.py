"""Send what is due: many messages at once over one HTTP client, results recorded as they come.

The event loop runs in slices: between them, while it stands still, rows are claimed and results
written with the ordinary synchronous ORM.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import structlog
from django.db import DatabaseError

from integrations import providers
from integrations.delivery import outcomes
from integrations.delivery.claims import Claimed, claim_due
from integrations.delivery.outcomes import Result
from integrations.errors import ProtocolError, ProviderError, Rejected, Unavailable, Unsupported
from integrations.models import OutboundMessage
from renum.security.http import open_client

log = structlog.get_logger(__name__)

IN_FLIGHT = 100
SLICE_SECONDS = 0.5  # how long new work may wait behind a provider that does not answer
LATE_SECONDS = 10.0  # how long results are offered to a database that is away
GROUP_SECONDS = 0.005  # results that arrive this close together are recorded together


@dataclass(frozen=True, slots=True)
class Run:
    """`attempts` that were made; `wake_at`: when a number that was kept waiting by its pace may go on."""

    attempts: int
    wake_at: datetime | None = None


def dispatch(priority: OutboundMessage.Priority, *, run_seconds: float = 60.0) -> Run:
    """Send until nothing of the lane is due, but claim for no longer than `run_seconds`."""
    outcomes.reap_expired_leases()
    stop_at = time.monotonic() + run_seconds
    attempts = 0
    wake_at: datetime | None = None
    in_flight: set[asyncio.Task[Result]] = set()
    unrecorded: list[Result] = []
    with asyncio.Runner() as runner:
        connections = runner.run(_open())
        try:
            while True:
                claimed: list[Claimed] = []
                if time.monotonic() < stop_at and len(in_flight) < IN_FLIGHT:
                    try:
                        claim = claim_due(priority, IN_FLIGHT - len(in_flight))
                        claimed, wake_at = claim.messages, claim.next_slot_at or wake_at
                    except DatabaseError:
                        if not in_flight:
                            raise
                        # What is under way still has to be recorded; the next sweep claims again.
                        log.exception("claim_failed", in_flight=len(in_flight))
                        stop_at = 0.0
                in_flight |= {runner.get_loop().create_task(_attempt(one, connections)) for one in claimed}
                attempts += len(claimed)
                if not in_flight:
                    _record_late(unrecorded, runner)
                    return Run(attempts, wake_at)
                done, in_flight = runner.run(_some_done(in_flight))
                unrecorded += [task.result() for task in done]
                if unrecorded:
                    unrecorded = outcomes.record_results(unrecorded)
        finally:
            runner.run(connections.aclose())


@dataclass(slots=True)
class Connections:
    """What a run holds open: one HTTP client for all, and a provider for each integration, so that a
    mail server is greeted once for many mails."""

    http: httpx.AsyncClient
    _open: dict[UUID, tuple[providers.ProviderSettings, Any]] = field(default_factory=dict)

    async def provider_of(self, claimed: Claimed) -> Any:
        known = self._open.get(claimed.integration_id)
        if known is not None and known[0] == claimed.settings:
            return known[1]
        if known is not None:  # configured anew since
            await known[1].aclose()
        provider = providers.get(claimed.provider).open(claimed.settings, self.http)
        self._open[claimed.integration_id] = (claimed.settings, provider)
        return provider

    async def aclose(self) -> None:
        for _, provider in self._open.values():
            await provider.aclose()
        await self.http.aclose()


def _record_late(results: list[Result], runner: asyncio.Runner) -> None:
    """Write what the database did not take before; what it never takes becomes `unknown` by its lease."""
    give_up_at = time.monotonic() + LATE_SECONDS
    while results and time.monotonic() < give_up_at:
        runner.run(asyncio.sleep(SLICE_SECONDS))
        results = outcomes.record_results(results)


async def _open() -> Connections:
    return Connections(open_client(in_flight=IN_FLIGHT))


async def _some_done(
    tasks: set[asyncio.Task[Result]],
) -> tuple[set[asyncio.Task[Result]], set[asyncio.Task[Result]]]:
    done, pending = await asyncio.wait(tasks, timeout=SLICE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if done and pending:
        more, pending = await asyncio.wait(pending, timeout=GROUP_SECONDS)
        done |= more
    return done, pending


async def _attempt(claimed: Claimed, connections: Connections) -> Result:
    started = time.monotonic()
    sent: providers.SendResult | None = None
    digits: str | None = None
    failure: ProviderError | None = None
    try:
        provider = await connections.provider_of(claimed)
        message = claimed.message
        if claimed.check_number and not isinstance(message, providers.MailMessage):
            digits = await _canonical(provider, message.recipient)
            message = replace(message, recipient=digits or message.recipient)
        sent = await message.send_through(provider)
    except ProviderError as error:
        failure = error
    except Exception:
        # A mistake of ours in one message must not cost the others theirs; its bytes may have left.
        log.exception("attempt_crashed", message_id=str(claimed.message_id))
        failure = ProtocolError()
    return Result(
        claimed,
        sent.provider_message_id if sent else None,
        failure,
        round((time.monotonic() - started) * 1000),
        refused=sent.refused if sent else (),
        digits=digits,
    )


async def _canonical(provider: Any, digits: str) -> str | None:
    """Ask how WhatsApp knows a number that it did not tell us itself, the ninth digit above all.

    None if it cannot be asked. The message itself has not left, whatever happens here.
    """
    try:
        found: providers.NumberCheck = await provider.check_number(digits)
    except Unsupported:
        return None
    except ProviderError as error:
        if error.uncertain:
            raise Unavailable(error.message, http_status=error.http_status) from error
        raise
    if found.digits is None:
        raise Rejected("Este número não está no WhatsApp.")
    return found.digits
