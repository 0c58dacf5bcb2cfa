"""The console's pages about agents, what they may read, and what they did."""

from agent_tools.admin.agents import AgentAdmin
from agent_tools.admin.queries import NamedQueryAdmin
from agent_tools.admin.runs import AgentRunAdmin

__all__ = ["AgentAdmin", "AgentRunAdmin", "NamedQueryAdmin"]
