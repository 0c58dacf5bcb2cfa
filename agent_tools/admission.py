"""Whether an agent takes a run now: it is switched on, at work, and not talking to another machine."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent_tools import bursts
from agent_tools.defaults import DISCOVERY
from agent_tools.models import Agent, AgentRun
from agent_tools.provision import provide_agents
from agent_tools.reasons import Attention, Reason
from integrations.delivery.quiet import QuietTimes

HOUR = timedelta(hours=1)
DAILY_FACTOR = 5  # of the replies of an hour: what a contact is answered in a day
MAX_DAYS = 8  # until an agent is at work again

DELETED = "O agente foi excluído antes de atender a este pedido. Peça a outro agente."

State = AgentRun.State


def admit(run: AgentRun, now: datetime) -> Agent | None:
    """The agent that carries the claimed run out; None if none does now.

    The run has then ended, or waits for the agent's hours. The caller is in the service scope and holds
    the run's lease.
    """
    agent = _agent_of(run)
    if agent is None and run.conversation_id is None:
        bursts.end_asked(run, State.SKIPPED, Reason.AGENT_DELETED, DELETED)
        return None
    if agent is None or not agent.enabled:
        _end(run, Reason.AGENT_DISABLED)
        return None
    if run.conversation_id:
        if (opens_at := next_opening(agent, run.client.timezone, now)) is not None:
            _put_off(run, opens_at)
            return None
        if _is_looping(run, agent, now):
            bursts.end(run, State.SKIPPED, Reason.AGENT_LOOP)
            bursts.call_person(run, Attention.LOOP, pause=True)
            return None
    AgentRun.objects.filter(id=run.id).update(agent=agent.name, reason_code="")
    run.agent, run.reason_code = agent.name, ""
    return agent


def _agent_of(run: AgentRun) -> Agent | None:
    rows = Agent.objects.filter(client_id=run.client_id)
    if run.conversation_id is None:
        # Not by its name, which it may have given up, to another even. Runs of older versions have no id.
        return rows.filter(**{"id": run.asked_id} if run.asked_id else {"name": run.agent}).first()
    answering = rows.filter(answers_whatsapp=True)
    found = answering.first()
    if found is None:
        if not rows.filter(name=DISCOVERY).exists():
            provide_agents(run.client_id)
        found = answering.first()  # somebody else may have provided them between the two questions
    return found


def _end(run: AgentRun, reason: Reason) -> None:
    if run.conversation_id:
        bursts.end(run, State.SKIPPED, reason)
    else:
        bursts.end_asked(run, State.SKIPPED, reason, "")


# --- Hours --------------------------------------------------------------------------------------------


def next_opening(agent: Agent, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the agent is at work again; None if it is now. An agent without days never is: a week ahead."""
    closed = _closed_times(agent, zone)
    at = now
    for _ in range(2 * MAX_DAYS):
        silence = closed.silence_at(at) if closed else None
        if silence is not None:
            at = silence[0]
        elif at.astimezone(zone).weekday() not in agent.active_days:
            at = _next_midnight(at, zone)
        else:
            return None if at == now else at
    return now + timedelta(days=7)


def _closed_times(agent: Agent, zone: ZoneInfo) -> QuietTimes | None:
    """The hours of each day at which it is not at work."""
    if agent.active_from is None or agent.active_until is None:
        return None
    return QuietTimes(zone, start=agent.active_until, end=agent.active_from)


def _next_midnight(at: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = at.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, tzinfo=zone).astimezone(at.tzinfo)


def _put_off(run: AgentRun, until: datetime) -> None:
    AgentRun.objects.filter(id=run.id).update(
        state=State.PENDING,
        reason_code=Reason.OUTSIDE_HOURS,
        next_attempt_at=until,
        attempts=run.attempts - 1,
        lease_token=None,
        leased_until=None,
    )


# --- Loops --------------------------------------------------------------------------------------------


def _is_looping(run: AgentRun, agent: Agent, now: datetime) -> bool:
    """Whether the contact was answered so often that it must be a machine too."""
    answered = AgentRun.objects.filter(
        client_id=run.client_id, conversation=run.conversation, answer_ids__len__gt=0
    ).exclude(state=State.SUPERSEDED)
    limits = ((HOUR, agent.replies_per_hour), (24 * HOUR, DAILY_FACTOR * agent.replies_per_hour))
    return any(answered.filter(created_at__gt=now - period).count() >= limit for period, limit in limits)
