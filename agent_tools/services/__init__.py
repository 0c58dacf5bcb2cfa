"""Writes over agents and their runs. Imports no LangChain: web processes use this too."""

from agent_tools.services.agents import (
    agent_elsewhere,
    change_agent,
    check_agent,
    create_agent,
    remove_agent,
)
from agent_tools.services.asking import ask_agent
from agent_tools.services.elsewhere import open_session, resume_session
from agent_tools.services.replies import (
    RUN_QUEUE,
    RUN_TASK,
    note_resumed,
    note_takeover,
    request_reply,
    wake_for_next,
)

__all__ = [
    "RUN_QUEUE",
    "RUN_TASK",
    "agent_elsewhere",
    "ask_agent",
    "change_agent",
    "check_agent",
    "create_agent",
    "note_resumed",
    "note_takeover",
    "open_session",
    "remove_agent",
    "request_reply",
    "resume_session",
    "wake_for_next",
]
