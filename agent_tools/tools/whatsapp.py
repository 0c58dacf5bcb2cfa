"""WhatsAppTool: an agent's way to write to the person it is talking with."""

from __future__ import annotations

import json
import threading
from typing import Any

from django.db import connection
from langchain_core.tools import BaseTool
from pydantic import PrivateAttr

from agent_tools.runs import Turn, hold_for_answer, note_answer
from agent_tools.tools.arguments import WhatsAppArguments
from integrations.delivery.outbox import enqueue_message
from integrations.errors import IdempotencyMismatch
from integrations.models import OutboundMessage
from renum.accounts.scope import profile_scope
from renum.conversations.models import Message
from renum.errors import DomainError


class WhatsAppTool(BaseTool):
    """Queues a WhatsApp text and answers with its receipt, or an error code, as compact JSON."""

    name: str = "send_whatsapp_message"
    description: str = "Envia uma mensagem de WhatsApp ao contato desta conversa."
    args_schema: Any = WhatsAppArguments

    _turn: Turn = PrivateAttr()
    _calls: int = PrivateAttr(default=0)
    _refusal: str = PrivateAttr(default="")
    _home: int = PrivateAttr(default_factory=threading.get_ident)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, turn: Turn):
        super().__init__()
        self._turn = turn

    @property
    def calls(self) -> int:
        """How often the tool was used in this turn."""
        return self._calls

    @property
    def refusal(self) -> str:
        """The code of the last refusal in this turn; empty if there was none."""
        return self._refusal

    def _run(self, message: str) -> str:
        with self._lock:  # LangGraph runs the calls of one message in parallel threads
            self._calls += 1
            number = self._calls
        try:
            receipt = self._enqueue(message, number)
        except DomainError as error:
            self._refusal = error.code
            return json.dumps({"ok": False, "error_code": error.code, "error": error.message})
        finally:
            if threading.get_ident() != self._home:
                connection.close()  # that thread's own: nobody else would
        return json.dumps({"ok": True, "message_id": str(receipt.id), "state": receipt.state})

    def _enqueue(self, text: str, number: int) -> OutboundMessage:
        turn = self._turn
        key = f"agent:{turn.run_id}:{number}"
        with profile_scope(turn.profile_id):
            conversation = hold_for_answer(turn)
            try:
                message = enqueue_message(
                    conversation,
                    text,
                    idempotency_key=key,
                    author=Message.Author.AGENT,
                    priority=OutboundMessage.Priority.HIGH,
                    cause=turn.cause.then("agent_run", turn.run_id),
                )
            except IdempotencyMismatch:
                # This turn was begun before by a worker that died, and its model chose other words:
                # what it queued then stands.
                message = OutboundMessage.objects.get(client_id=turn.client_id, idempotency_key=key)
            note_answer(turn, message.id)
            return message
