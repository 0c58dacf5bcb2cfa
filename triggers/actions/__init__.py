"""ENTÃO: one file an action type, and the registry. Later apps add tools to `call_tool`."""

from __future__ import annotations

from triggers.actions import call_tool, change_status, run_trigger, send_email, send_message
from triggers.actions.base import ActionType

REGISTRY: dict[str, ActionType] = {
    "send_message": send_message.TYPE,
    "send_email": send_email.TYPE,
    "change_status": change_status.TYPE,
    "run_trigger": run_trigger.TYPE,
    "call_tool": call_tool.TYPE,
}

__all__ = ["REGISTRY", "ActionType"]
