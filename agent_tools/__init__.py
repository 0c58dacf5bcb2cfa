"""The agents, and their tools for agents elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from renum.accounts.models import Client
    from renum.conversations.models import Conversation


def toolkit(
    client: Client, conversation: Conversation | None = None, *, agent: str | None = None
) -> list[BaseTool]:
    """The client's tools for any LangChain or LangGraph agent, bound to the client and the conversation.

    `agent`: the name of one of the client's agents, whose tools and limits then hold; without it those of
    an agent elsewhere do. What the tools do is recorded as one run. Raises `AgentNotFound`,
    `AgentDisabled`, and `ConversationNotFound` for a conversation of another client.
    """
    # Imported here because it takes seconds, and Django imports this package.
    from agent_tools.services import agent_elsewhere
    from agent_tools.sessions import session_elsewhere
    from agent_tools.tools import tools_of
    from renum.accounts.scope import profile_scope
    from renum.conversations.selectors import get_conversation

    with profile_scope(client.profile_id):
        if conversation is not None:
            conversation = get_conversation(client.id, conversation.id)
        limits = agent_elsewhere(client, agent, conversation)
    return tools_of(session_elsewhere(client, limits, conversation))
