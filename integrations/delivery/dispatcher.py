"""Send what is due: many messages at once over one HTTP client, results recorded as they come.

The event loop runs in slices: between them, while it stands still, rows are claimed and results
written with the ordinary synchronous ORM.
"""

from __future__ import annotations

import asyncio
import time

import httpx
import structlog
from django.db import DatabaseError

from integrations import providers
from integrations.delivery import outcomes
from integrations.delivery.claims import Claimed, claim_due
from integrations.delivery.outcomes import Result
from integrations.errors import ProtocolError, ProviderError
from integrations.models import OutboundMessage
from renum.security.http import open_client

log = structlog.get_logger(__name__)

IN_FLIGHT = 100
SLICE_SECONDS = 0.5  # how long new work may wait behind a provider that does not answer
LATE_SECONDS = 10.0  # how long results are offered to a database that is away
GROUP_SECONDS = 0.005  # results that arrive this close together are recorded together


def dispatch(priority: OutboundMessage.Priority, *, run_seconds: float = 60.0) -> int:
    """Send until nothing of the lane is due, but claim for no longer than `run_seconds`.

    Returns how many attempts were made.
    """
    outcomes.reap_expired_leases()
    stop_at = time.monotonic() + run_seconds
    attempts = 0
    in_flight: set[asyncio.Task[Result]] = set()
    unrecorded: list[Result] = []
    with asyncio.Runner() as runner:
        http = runner.run(_open())
        try:
            while True:
                claimed: list[Claimed] = []
                if time.monotonic() < stop_at and len(in_flight) < IN_FLIGHT:
                    try:
                        claimed = claim_due(priority, IN_FLIGHT - len(in_flight))
                    except DatabaseError:
                        if not in_flight:
                            raise
                        # What is under way still has to be recorded; the next sweep claims again.
                        log.exception("claim_failed", in_flight=len(in_flight))
                        stop_at = 0.0
                in_flight |= {runner.get_loop().create_task(_attempt(one, http)) for one in claimed}
                attempts += len(claimed)
                if not in_flight:
                    _record_late(unrecorded, runner)
                    return attempts
                done, in_flight = runner.run(_some_done(in_flight))
                unrecorded += [task.result() for task in done]
                if unrecorded:
                    unrecorded = outcomes.record_results(unrecorded)
        finally:
            runner.run(http.aclose())


def _record_late(results: list[Result], runner: asyncio.Runner) -> None:
    """Write what the database did not take before; what it never takes becomes `unknown` by its lease."""
    give_up_at = time.monotonic() + LATE_SECONDS
    while results and time.monotonic() < give_up_at:
        runner.run(asyncio.sleep(SLICE_SECONDS))
        results = outcomes.record_results(results)


async def _open() -> httpx.AsyncClient:
    return open_client(in_flight=IN_FLIGHT)


async def _some_done(
    tasks: set[asyncio.Task[Result]],
) -> tuple[set[asyncio.Task[Result]], set[asyncio.Task[Result]]]:
    done, pending = await asyncio.wait(tasks, timeout=SLICE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if done and pending:
        more, pending = await asyncio.wait(pending, timeout=GROUP_SECONDS)
        done |= more
    return done, pending


async def _attempt(claimed: Claimed, http: httpx.AsyncClient) -> Result:
    started = time.monotonic()
    provider_message_id: str | None = None
    failure: ProviderError | None = None
    try:
        provider = providers.get(claimed.provider).open(claimed.settings, http)
        sent = await provider.send_text(claimed.message)
        provider_message_id = sent.provider_message_id
    except ProviderError as error:
        failure = error
    except Exception:
        # A mistake of ours in one message must not cost the others theirs; its bytes may have left.
        log.exception("attempt_crashed", message_id=str(claimed.message_id))
        failure = ProtocolError()
    return Result(claimed, provider_message_id, failure, round((time.monotonic() - started) * 1000))
