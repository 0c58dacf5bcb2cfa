"""Reads over agents and their runs; callers are under a tenant or service scope."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch, QuerySet

from agent_tools.errors import AgentNotFound, AgentRunNotFound
from agent_tools.models import Agent, AgentRun, AgentStep, NamedQuery
from agent_tools.provision import provide_agents
from agent_tools.sessions import ELSEWHERE


def list_agents(client_id: UUID) -> QuerySet[Agent]:
    """The client's agents by name; the three that everybody has are there."""
    provide_agents(client_id)
    return Agent.objects.filter(client_id=client_id).order_by("name")


def get_agent(client_id: UUID, agent_id: UUID, *, for_update: bool = False) -> Agent:
    """One agent; raises `AgentNotFound`, also for another client's."""
    if for_update:  # all of them, in one order: a change of one may take a role from another
        found = next((one for one in lock_agents(client_id) if one.id == agent_id), None)
    else:
        found = Agent.objects.filter(client_id=client_id, id=agent_id).first()
    if found is None:
        raise AgentNotFound
    return found


def lock_agents(client_id: UUID) -> list[Agent]:
    """The client's agents, locked in the order in which everybody locks them."""
    rows = Agent.objects.select_for_update(no_key=True).filter(client_id=client_id)
    return list(rows.order_by("id"))


def get_agent_by_name(client_id: UUID, name: str) -> Agent:
    """One agent by its name; raises `AgentNotFound`."""
    found = list_agents(client_id).filter(name=name).first()
    if found is None:
        raise AgentNotFound
    return found


def list_runs(client_id: UUID, *, agent: str | None = None, state: str | None = None) -> QuerySet[AgentRun]:
    """The client's runs."""
    wanted = {name: value for name, value in (("agent", agent), ("state", state)) if value}
    return AgentRun.objects.filter(client_id=client_id, **wanted)


def get_run(client_id: UUID, run_id: UUID) -> AgentRun:
    """One run with its steps in order; raises `AgentRunNotFound`, also for another client's."""
    steps = Prefetch("steps", AgentStep.objects.order_by("created_at", "id"))
    found = AgentRun.objects.filter(client_id=client_id, id=run_id).prefetch_related(steps).first()
    if found is None:
        raise AgentRunNotFound
    return found


def get_run_elsewhere(client_id: UUID, run_id: UUID, agent: str, conversation_id: UUID | None) -> AgentRun:
    """A run of an agent that others run, in this conversation or in none; raises `AgentRunNotFound`."""
    found = list_runs(client_id, agent=agent).filter(id=run_id, model=ELSEWHERE).first()
    if found is None or found.conversation_id != conversation_id:
        raise AgentRunNotFound
    return found


def list_named_queries(client_id: UUID) -> QuerySet[NamedQuery]:
    """What staff published for the client's agents, by name."""
    return NamedQuery.objects.filter(client_id=client_id, is_published=True).order_by("name")
