"""Writes over agents: what they are told, what they may do, and who answers contacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from agent_tools import model_names
from agent_tools.defaults import ALL_TOOLS, INTENTS, STANDARD
from agent_tools.errors import AgentDisabled, AgentNameTaken, AgentStandard
from agent_tools.models import NAME, Agent, DataAccess
from agent_tools.operations.send_whatsapp import NAME as SEND
from agent_tools.provision import provide_agents
from agent_tools.selectors import get_agent_by_name, lock_agents
from agent_tools.sessions import ELSEWHERE
from integrations.services import normalize_email
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from renum.errors import InvalidInput
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event

MAX_INTENTS, MAX_RECIPIENTS = 50, 100
NAME_UNIQUE = "agents_name_unique"


def create_agent(client_id: UUID, values: Mapping[str, Any], *, cause: Cause) -> Agent:
    """Validate and save a further agent; raises `InvalidInput` or `AgentNameTaken`."""
    provide_agents(client_id)  # their names are taken
    return _save(Agent(client_id=client_id), values, cause)


def change_agent(agent: Agent, changes: Mapping[str, Any], *, cause: Cause) -> Agent:
    """Validate and save what is to change, on record.

    Raises `InvalidInput`, `AgentNameTaken`, and `AgentStandard` for a new name of one that all clients have.
    """
    if agent.name in STANDARD and changes.get("name", agent.name) != agent.name:
        raise AgentStandard
    return _save(agent, changes, cause)


def apply_changes(agent: Agent, changes: Mapping[str, Any]) -> None:
    """Set what is to change and check the whole, without saving it; raises `InvalidInput`."""
    provider = model_names.provider_of(agent.model)
    for name, value in changes.items():
        setattr(agent, name, value)
    check_agent(agent)
    is_moved = model_names.needs_key(agent.model) and model_names.provider_of(agent.model) != provider
    if is_moved and not changes.get("model_key"):  # no provider is given the key of another
        raise InvalidInput(details={"model": ["outro provedor precisa da chave dele (model_key)"]})


def _save(agent: Agent, changes: Mapping[str, Any], cause: Cause) -> Agent:
    apply_changes(agent, changes)
    try:
        with transaction.atomic():
            if agent.answers_whatsapp:  # one does: the one before it gives way
                lock_agents(agent.client_id)  # whoever else does the same waits
                others = Agent.objects.filter(client_id=agent.client_id).exclude(id=agent.id)
                others.filter(answers_whatsapp=True).update(answers_whatsapp=False)
            agent.save()
    except IntegrityError as error:
        if _constraint_of(error) == NAME_UNIQUE:
            raise AgentNameTaken from error
        raise
    record_event(
        agent.client_id,
        Event.Kind.AGENT_CHANGED,
        cause=cause,
        data={"agent": agent.name, "fields": sorted(changes)},
    )
    return agent


def _constraint_of(error: IntegrityError) -> str | None:
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def remove_agent(agent: Agent, *, cause: Cause) -> None:
    """Delete a client's own agent; the runs stay. Raises `AgentStandard`."""
    if agent.name in STANDARD:
        raise AgentStandard
    record_event(
        agent.client_id, Event.Kind.AGENT_CHANGED, cause=cause, data={"agent": agent.name, "fields": []}
    )
    agent.delete()


def check_agent(agent: Agent) -> None:
    """What no serializer or form sees alone; raises `InvalidInput` that names each field."""
    problems = {name: problem for name, problem in _problems(agent) if problem}
    if problems:
        raise InvalidInput(details={name: [problem] for name, problem in problems.items()})


def _problems(agent: Agent) -> list[tuple[str, str]]:
    unknown = sorted(set(agent.tools) - set(ALL_TOOLS))
    return [
        ("name", "" if NAME.regex.fullmatch(agent.name or "") else str(NAME.message)),  # type: ignore[union-attr]
        ("title", "" if agent.title.strip() else "campo obrigatório"),
        ("prompt", "" if agent.prompt.strip() else "campo obrigatório"),
        ("tools", f"ferramentas desconhecidas: {', '.join(unknown)}" if unknown else ""),
        ("answers_whatsapp", _problem_of_answering(agent)),
        ("data_access", "" if agent.data_access in DataAccess.values else "valor inválido"),
        ("model", _problem_of_model(agent)),
        ("active_days", _problem_of_days(agent.active_days)),
        ("active_from", _problem_of_hours(agent.active_from, agent.active_until)),
        ("intents", _problem_of_intents(agent.intents)),
        ("allowed_recipients", _problem_of_recipients(agent.recipients)),
    ]


def _problem_of_answering(agent: Agent) -> str:
    if agent.answers_whatsapp and SEND not in agent.tools:
        return f"quem responde no WhatsApp precisa da ferramenta {SEND}"
    return ""


def _problem_of_model(agent: Agent) -> str:
    if not model_names.is_model_name(agent.model):
        return f"use local ou provedor:modelo, com um de: {', '.join(model_names.PROVIDERS)}"
    if model_names.needs_key(agent.model) and not agent.model_key:
        return "um modelo próprio precisa da chave da empresa (model_key)"
    return ""


def _problem_of_days(days: list[int]) -> str:
    return "" if days and set(days) <= set(range(7)) else "informe dias de 0 (segunda) a 6 (domingo)"


def _problem_of_hours(begin: time | None, end: time | None) -> str:
    if (begin is None) != (end is None):
        return "informe active_from e active_until, ou nenhum"
    return "o início e o fim devem ser diferentes" if begin is not None and begin == end else ""


def _problem_of_intents(intents: list[str]) -> str:
    if len(intents) > MAX_INTENTS or not all(NAME.regex.fullmatch(one) for one in intents):  # type: ignore[union-attr]
        return f"até {MAX_INTENTS} nomes: letras minúsculas sem acento, números e _"
    return ""


def _problem_of_recipients(recipients: tuple[str, ...]) -> str:
    if len(recipients) > MAX_RECIPIENTS:
        return f"no máximo {MAX_RECIPIENTS}"
    for place, one in enumerate(recipients, start=1):
        try:
            normalize_email(f"a{one}" if one.startswith("@") else one)
        except ValueError:
            return f"{place}º: use um endereço ou @domínio"
    return ""


# --- Elsewhere ------------------------------------------------------------------------------------------


def agent_elsewhere(client: Client, name: str | None, conversation: Conversation | None = None) -> Agent:
    """Whose tools and limits hold for an agent that others run: the named one's, else narrow ones.

    Raises `AgentNotFound` and `AgentDisabled`.
    """
    if name is None:
        # Rows of a whole table are not for whoever writes to the client.
        access = DataAccess.NAMED if conversation else DataAccess.TABLES
        return Agent(
            client_id=client.id,
            name=ELSEWHERE,
            title=ELSEWHERE,
            tools=list(ALL_TOOLS),
            data_access=access,
            intents=list(INTENTS),
        )
    agent = get_agent_by_name(client.id, name)
    if not agent.enabled:
        raise AgentDisabled
    return agent
