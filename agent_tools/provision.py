"""Give a client the agents that every client has."""

from __future__ import annotations

from uuid import UUID

from agent_tools.defaults import AGENTS
from agent_tools.models import Agent


def provide_agents(client_id: UUID) -> None:
    """Create those of RENUS, ISA and Discovery that the client does not have. The caller is in a scope."""
    known = set(Agent.objects.filter(client_id=client_id).values_list("name", flat=True))
    answering = Agent.objects.filter(client_id=client_id, answers_whatsapp=True).exists()
    missing = [one for one in AGENTS if one["name"] not in known]
    Agent.objects.bulk_create(
        [
            Agent(
                client_id=client_id,
                **one | {"answers_whatsapp": one.get("answers_whatsapp", False) and not answering},
            )
            for one in missing
        ],
        ignore_conflicts=True,
    )
