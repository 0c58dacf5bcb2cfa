"""The tools that change how a conversation stands."""

from __future__ import annotations

from agent_tools.operations import change_status, detect_intent, request_human
from agent_tools.tools.base import BoundTool


class ChangeStatusTool(BoundTool):
    """Opens, parks or closes the conversation."""

    operation = change_status.OPERATION


class DetectIntentTool(BoundTool):
    """Emits `intent_detected`, on which triggers act."""

    operation = detect_intent.OPERATION


class HandoverTool(BoundTool):
    """Has a person take the conversation over."""

    operation = request_human.OPERATION
