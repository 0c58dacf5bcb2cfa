"""EmailTool: an agent's way to write to the recipients that it is allowed."""

from __future__ import annotations

from agent_tools.operations import send_email
from agent_tools.tools.base import BoundTool


class EmailTool(BoundTool):
    """Queues a mail and answers with its receipt."""

    operation = send_email.OPERATION
