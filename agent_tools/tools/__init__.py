"""The agents' tools for LangChain. Importing this takes seconds: workers do, the web process does not."""

from __future__ import annotations

from langchain_core.tools import BaseTool

from agent_tools.sessions import Session
from agent_tools.tools.base import BoundTool
from agent_tools.tools.conversation import ChangeStatusTool, DetectIntentTool, HandoverTool
from agent_tools.tools.database import NamedQueryTool, SqlQueryTool, SupabaseQueryTool
from agent_tools.tools.email import EmailTool
from agent_tools.tools.whatsapp import WhatsAppTool
from agent_tools.using import offered_to

TOOLS: dict[str, type[BoundTool]] = {
    tool.operation.name: tool
    for tool in (
        WhatsAppTool,
        EmailTool,
        SupabaseQueryTool,
        NamedQueryTool,
        SqlQueryTool,
        ChangeStatusTool,
        DetectIntentTool,
        HandoverTool,
    )
}


def tools_of(session: Session) -> list[BaseTool]:
    """The tools that the session has, bound to it."""
    return [TOOLS[operation.name](session) for operation in offered_to(session)]


__all__ = [
    "TOOLS",
    "ChangeStatusTool",
    "DetectIntentTool",
    "EmailTool",
    "HandoverTool",
    "NamedQueryTool",
    "SqlQueryTool",
    "SupabaseQueryTool",
    "WhatsAppTool",
    "tools_of",
]
