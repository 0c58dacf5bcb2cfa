"""What a run is to answer: texts gather, are corrected, move on to a successor, and are erased.

Whoever changes a conversation's runs locks the conversation first and its runs next; a worker that only
records how its own run went locks that run alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min, Q
from django.db.models.functions import Coalesce

from agent_tools.models import IS_OPEN, AgentRun, AgentRunInput
from agent_tools.reasons import Attention, Reason
from integrations.delivery.withdrawal import may_still_leave
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, ConversationPolicy, Message
from renum.conversations.services import pause_agent, want_attention
from renum.events.cause import Cause

MAX_TEXTS, MAX_CHARACTERS = 20, 16_000  # of one run: what a model is given at most
ERASE_BATCH = 500
ANSWER_KEPT = timedelta(hours=1)  # for who asked, to read it
LOOK_AGAIN = timedelta(seconds=2), timedelta(seconds=60)  # whether the texts of an answer may go

State = AgentRun.State
_GATHERED = ("next_attempt_at", "reason_code", "text_count", "dropped_count", "first_text_at", "cause")


def lock_conversation(conversation: Conversation) -> Conversation:
    """Read the conversation anew, and keep others from changing its runs until the transaction ends."""
    rows = Conversation.objects.select_for_update(no_key=True)
    return rows.get(id=conversation.id, client_id=conversation.client_id)


def lock_open_runs(conversation: Conversation) -> list[AgentRun]:
    """The conversation's runs whose answer is not written yet, or may still be taken back."""
    rows = AgentRun.objects.select_for_update(no_key=True).filter(IS_OPEN, conversation=conversation)
    return list(rows.order_by("created_at", "id"))


def new_run(conversation: Conversation, agent: str, now: datetime, **fields: Any) -> AgentRun:
    """A run that texts may be added to; the conversation has no unfinished one."""
    return AgentRun.objects.create(
        client_id=conversation.client_id,
        conversation=conversation,
        agent=agent,
        created_at=now,
        **{"first_text_at": now, "next_attempt_at": now, **fields},
    )


def move_texts(origins: Sequence[AgentRun], run: AgentRun) -> None:
    """Hand the texts of superseded runs on to their successor."""
    if not origins:
        return
    AgentRunInput.objects.filter(run__in=origins).update(run=run)
    AgentRun.objects.filter(id__in=[one.id for one in origins]).update(successor_id=run.id)
    run.first_text_at = min(run.first_text_at, *(one.first_text_at for one in origins))
    run.dropped_count += sum(one.dropped_count for one in origins)


def add_text(run: AgentRun, message_id: UUID, text: str, *, replaces: UUID | None, now: datetime) -> None:
    """Add a text to what the run answers, in the place of the one it corrects if that is there still.

    More than a model is to be given at once is dropped, the oldest first, and counted.
    """
    rows = list(run.inputs.annotate(is_kept=Q(text__isnull=False)).order_by("position").defer("text"))
    place = next((row.position for row in rows if row.message_id == replaces), None)
    corrected = [row for row in rows if row.is_kept and row.position == place]
    added = AgentRunInput(
        client_id=run.client_id,
        run=run,
        message_id=message_id,
        position=place if place and corrected else max((row.position for row in rows), default=0) + 1,
        length=len(text[:MAX_CHARACTERS]),
        text=text[:MAX_CHARACTERS],
        created_at=now,
    )
    added.save(force_insert=True)
    kept = [row for row in rows if row.is_kept and row not in corrected]
    dropped = _excess(sorted([*kept, added], key=lambda row: row.position))
    if erased := [row.id for row in (*corrected, *dropped)]:
        AgentRunInput.objects.filter(id__in=erased).update(text=None)
    run.text_count = len(kept) + 1 - len(dropped)
    run.dropped_count += len(dropped)


def _excess(texts: Sequence[AgentRunInput]) -> list[AgentRunInput]:
    """The oldest of these texts, given in order, that are too many or too much."""
    dropped, room, left = [], MAX_CHARACTERS, MAX_TEXTS
    for row in reversed(texts):
        room, left = room - row.length, left - 1
        if room < 0 or left < 0:
            dropped.append(row)
    return dropped


def schedule(run: AgentRun, policy: ConversationPolicy, paused_until: datetime | None, now: datetime) -> None:
    """Set when the run is due: a quiet gap from now, but no later than the longest wait of its first text.

    A pause of the agent, or a failed attempt, may put it off further.
    """
    quiet = now + timedelta(seconds=policy.burst_quiet_seconds)
    longest = run.first_text_at + timedelta(seconds=policy.burst_max_seconds)
    due = max(min(quiet, longest), now)
    if run.attempts:
        due = max(due, run.next_attempt_at)
    is_paused = paused_until is not None and paused_until > now
    run.next_attempt_at = max(due, paused_until) if paused_until and is_paused else due
    run.reason_code = Reason.AGENT_PAUSED if is_paused else ""


def save_gathered(run: AgentRun) -> None:
    """Write what gathering and scheduling changed on a run."""
    run.save(update_fields=_GATHERED)


# --- The end ------------------------------------------------------------------------------------------


def end(run: AgentRun, state: AgentRun.State, reason_code: str, **changes: Any) -> None:
    """Write how the run ended. Its texts go, unless its answer may still be taken back for them.

    Where it failed, and said nothing, a person is called.
    """
    now = clock.now()
    is_answer_out = not run.answer_ids or state not in (State.DONE, State.FAILED)
    written = {
        "state": state,
        "reason_code": reason_code,
        "lease_token": None,
        "leased_until": None,
        "finished_at": run.finished_at or now,
        "erase_texts_at": None if is_answer_out else now + LOOK_AGAIN[0],
        **changes,
    }
    AgentRun.objects.filter(id=run.id).update(**written)
    if state == State.FAILED and not run.answer_ids:
        call_person(run, Attention.FAILED)
    if is_answer_out and state != State.SUPERSEDED:  # those of a superseded run move on
        erase_texts([run.id])


def call_person(run: AgentRun, reason: Attention, *, pause: bool = False) -> None:
    """Have a person look at the run's conversation, and with `pause` the agent keep out of it.

    Once the transaction is committed: it holds the run, and who holds the conversation may wait for that.
    """
    if run.conversation_id:
        transaction.on_commit(partial(_call_person, run, reason, pause))


def _call_person(run: AgentRun, reason: Attention, pause: bool) -> None:
    cause = Cause(tuple(run.cause)).noting("agent_run", run.id)
    assert run.conversation_id
    with service_scope(reason="call a person in an agent's place"):
        found = Conversation.objects.filter(id=run.conversation_id, client_id=run.client_id)
        for conversation in found.select_for_update(no_key=True):
            if reason is Attention.SILENT and conversation.attention_at:
                return  # one was called, for a better reason
            want_attention(conversation, reason.value, cause=cause)
            if pause:
                pause_agent(conversation, clock.now(), cause=cause)


def end_asked(run: AgentRun, state: AgentRun.State, reason_code: str, answer: str, **changes: Any) -> None:
    """Write how a run ended that is in no conversation. What was asked goes; its answer waits to be read."""
    now = clock.now()
    AgentRunInput.objects.filter(run=run, text__isnull=False).update(text=None)
    written = {
        "state": state,
        "reason_code": reason_code,
        "answer": answer or None,
        "lease_token": None,
        "leased_until": None,
        "finished_at": now,
        "erase_texts_at": now + ANSWER_KEPT,
        **changes,
    }
    for name, value in written.items():
        setattr(run, name, value)
    run.save(update_fields=list(written))  # not by an update: the answer is sealed for its row


def let_stand(run: AgentRun, reason_code: str) -> None:
    """The answer, or a part of it, has left: nothing is added to it, and its texts are not needed."""
    if run.state in (State.PENDING, State.RUNNING):
        end(run, State.DONE, reason_code)
    erase_texts([run.id])


def erase_texts(run_ids: Sequence[UUID]) -> None:
    """Erase what these runs, which are over, were asked (rule I7)."""
    AgentRunInput.objects.filter(run_id__in=run_ids, text__isnull=False).update(text=None)
    AgentRun.objects.filter(id__in=run_ids).update(erase_texts_at=None, answer=None)


def erase_unneeded_texts() -> int:
    """Erase the texts of runs whose answer has left, or never will; returns of how many runs.

    The longer an answer waits, the less often it is looked at (rule I10).
    """
    now = clock.now()
    with service_scope(reason="erase texts that were answered"):
        due = AgentRun.objects.select_for_update(no_key=True, skip_locked=True)
        runs = list(due.filter(erase_texts_at__lte=now).order_by("erase_texts_at")[:ERASE_BATCH])
        answers = [one for run in runs if run.conversation_id for one in run.answer_ids]
        waiting = may_still_leave(answers) if answers else set()
        over = [run.id for run in runs if waiting.isdisjoint(run.answer_ids)]
        if over:
            erase_texts(over)
        for run in runs:
            if run.id not in over:
                age = now - (run.finished_at or now)
                again = now + min(max(age, LOOK_AGAIN[0]), LOOK_AGAIN[1])
                AgentRun.objects.filter(id=run.id).update(erase_texts_at=again)
    return len(over)


# --- Who answered --------------------------------------------------------------------------------------


def first_said_at(runs: Sequence[AgentRun]) -> datetime | None:
    """When the contact wrote the oldest text of these runs, by the provider's clock."""
    ids = AgentRunInput.objects.filter(run__in=runs).values("message_id")
    found: datetime | None = Message.objects.filter(id__in=ids).aggregate(at=Min("occurred_at"))["at"]
    return found


def was_answered_by_person(run: AgentRun) -> bool:
    """Whether somebody else of the client wrote after the last of the run's texts.

    By the provider's clock, since webhooks may come in another order.
    """
    texts = run.inputs.filter(text__isnull=False)
    said = Message.objects.filter(id__in=texts.values("message_id")).aggregate(at=Max("occurred_at"))["at"]
    assert run.conversation_id
    last = said or texts.aggregate(at=Coalesce(Max("created_at"), run.first_text_at))["at"]
    others = [Message.Author.PERSON, Message.Author.OTHER]
    return Message.objects.filter(
        conversation_id=run.conversation_id,
        direction=Message.Direction.OUTBOUND,
        author__in=others,
        occurred_at__gt=last,
    ).exists()
