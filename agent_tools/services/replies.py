"""Ask an agent for an answer, or take the question back. Imports no LangChain: web processes use this too."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Min

from agent_tools import bursts, memory
from agent_tools.defaults import DISCOVERY
from agent_tools.models import AgentRun, AgentRunInput
from agent_tools.reasons import Reason
from integrations.delivery.withdrawal import withdraw
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.conversations.policies import policy_of
from renum.conversations.services import note_unanswered
from renum.events.cause import Cause
from renum.wakeups import LATEST_SECONDS, wake_after_commit, wake_later

log = structlog.get_logger(__name__)

RUN_TASK = "agent_tools.run_pending"
RUN_QUEUE = "high"

State = AgentRun.State


def request_reply(
    conversation: Conversation,
    inbound_message_id: UUID,
    text: str,
    *,
    cause: Cause,
    replaces: UUID | None = None,
) -> None:
    """Record that an agent owes an answer to this inbound message, once, and wake a worker in time.

    What the contact writes in one go is answered in one go: the text is added to what waits already,
    and an answer that has not left is taken back, its texts with it. `replaces`: the inbound message
    that this one corrects. The caller is in the service scope.
    """
    held = bursts.lock_conversation(conversation)
    known = AgentRunInput.objects.filter(client_id=held.client_id, message_id=inbound_message_id)
    if known.exists():
        return
    now = clock.now()
    run = _gathering_run(held, now)
    bursts.add_text(run, inbound_message_id, text, replaces=replaces, now=now)
    bursts.schedule(run, policy_of(held.client_id), held.agent_paused_until, now)
    run.cause = cause.as_list()
    bursts.save_gathered(run)
    _wake_at(run.next_attempt_at, now)


def _gathering_run(conversation: Conversation, now: datetime) -> AgentRun:
    """The run that a new text belongs to. An earlier answer that is still ours goes into it."""
    gathering, superseded = None, []
    for run in bursts.lock_open_runs(conversation):
        if run.state == State.PENDING and not run.answer_ids:
            gathering = run
        elif _take_back(run, Reason.SUPERSEDED):
            superseded.append(run)
        else:
            bursts.let_stand(run, Reason.SUPERSEDED)
    since = bursts.first_said_at([run for run in superseded if run.answer_ids])
    if since is not None:
        note_unanswered(conversation, since)
    return _succeed(conversation, superseded, Reason.SUPERSEDED, now, gathering)


def _take_back(run: AgentRun, reason: Reason) -> bool:
    """Withdraw the whole answer of the run; False, with nothing withdrawn, if some of it has left."""
    taken = withdraw(run.client_id, run.answer_ids, reason, all_or_none=True)
    return len(taken) == len(run.answer_ids)


def _succeed(
    conversation: Conversation,
    runs: list[AgentRun],
    reason: Reason,
    now: datetime,
    gathering: AgentRun | None = None,
) -> AgentRun:
    """End these runs, and have a new one (or the one that gathers texts already) answer their texts.

    A worker that carries one of them out finds, when it comes to send, that it is over.
    """
    for run in runs:
        bursts.end(run, State.SUPERSEDED, reason)
        log.info("agent_run_superseded", run_id=str(run.id), reason=reason)
    _unsay(conversation, runs)
    successor = gathering or bursts.new_run(conversation, DISCOVERY, now)
    bursts.move_texts(runs, successor)
    return successor


def _unsay(conversation: Conversation, runs: list[AgentRun]) -> None:
    """Nobody got these answers: the agent is not to remember them as said."""
    if ids := [run.id for run in runs if run.answer_ids]:
        transaction.on_commit(partial(memory.drop, conversation.client_id, conversation.id, ids))


def note_takeover(conversation: Conversation) -> None:
    """A person of the client wrote, and the agent is paused: it must not talk over them.

    Answers that have not left are taken back. What the person's message does not answer, because it
    was written later, waits for the end of the pause. The caller is in the service scope.
    """
    held, now = bursts.lock_conversation(conversation), clock.now()
    until = held.agent_paused_until
    if until is None or until <= now:
        return
    for run in bursts.lock_open_runs(held):
        taken = withdraw(run.client_id, run.answer_ids, Reason.TAKEN_OVER)
        is_waiting = run.state == State.PENDING and not run.answer_ids
        if len(taken) < len(run.answer_ids):
            bursts.let_stand(run, Reason.TAKEN_OVER)
        elif bursts.was_answered_by_person(run):
            _unsay(held, [run])
            reason = Reason.ANSWERED_BY_PERSON if is_waiting else Reason.TAKEN_OVER
            bursts.end(run, State.SKIPPED, reason)
        elif is_waiting:
            _hold(run, until)
        else:
            successor = _succeed(held, [run], Reason.TAKEN_OVER, now)
            successor.text_count, successor.cause = run.text_count, run.cause
            _hold(successor, until)


def _hold(run: AgentRun, until: datetime) -> None:
    run.next_attempt_at, run.reason_code = until, Reason.AGENT_PAUSED
    bursts.save_gathered(run)


def note_resumed(conversation: Conversation) -> None:
    """The agent may answer again: what waited for that is due."""
    with service_scope(reason="resume an agent"):  # clients do not write runs
        due = AgentRun.objects.filter(
            client_id=conversation.client_id,
            conversation=conversation,
            state=State.PENDING,
            reason_code=Reason.AGENT_PAUSED,
        ).update(next_attempt_at=clock.now())
    if due:
        wake_after_commit(RUN_TASK, RUN_QUEUE)


def _wake_at(at: datetime, now: datetime) -> None:
    """Wake a worker when a run is due; for one that is further away the sweep will do."""
    seconds = (at - now).total_seconds()
    if seconds <= 0:
        wake_after_commit(RUN_TASK, RUN_QUEUE)
    elif seconds <= LATEST_SECONDS:
        transaction.on_commit(partial(wake_later, RUN_TASK, RUN_QUEUE, seconds))


def wake_for_next() -> None:
    """Have a worker woken when the next run is due, if that is soon."""
    now = clock.now()
    with service_scope(reason="when is the next agent run due"):
        soon = AgentRun.objects.filter(
            state=State.PENDING,
            next_attempt_at__gt=now,
            next_attempt_at__lte=now + timedelta(seconds=LATEST_SECONDS),
        )
        at = soon.aggregate(at=Min("next_attempt_at"))["at"]
    if at is not None:
        wake_later(RUN_TASK, RUN_QUEUE, (at - now).total_seconds())
