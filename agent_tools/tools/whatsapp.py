"""WhatsAppTool: an agent's way to write to the person it is talking with."""

from __future__ import annotations

from agent_tools.operations import send_whatsapp
from agent_tools.tools.base import BoundTool


class WhatsAppTool(BoundTool):
    """Queues a WhatsApp text and answers with its receipt."""

    operation = send_whatsapp.OPERATION
