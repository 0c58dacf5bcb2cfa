"""ENTÃO: one file an action type, and the registry. Later apps add theirs in their `apps.py`."""

from __future__ import annotations

from triggers.actions import send_message
from triggers.actions.base import ActionType

REGISTRY: dict[str, ActionType] = {
    "send_message": send_message.TYPE,
}

__all__ = ["REGISTRY", "ActionType"]
