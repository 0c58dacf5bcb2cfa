"""A chat model that says what a test wrote for it, and the rows that agents work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from agent_tools import runs
from agent_tools.agents import runner
from agent_tools.models import AgentRun, AgentRunInput
from integrations.models import OutboundMessage
from renum.accounts.scope import service_scope

TOOL = "send_whatsapp_message"
Line = AIMessage | Exception | Callable[[list[BaseMessage]], AIMessage]


class ScriptedModel(BaseChatModel):
    """Answers with its lines in turn, the last one again and again."""

    _lines: list[Line] = PrivateAttr()
    _tools: list[Any] = PrivateAttr(default_factory=list)
    _seen: list[list[BaseMessage]] = PrivateAttr(default_factory=list)

    def __init__(self, *lines: Line):
        super().__init__()
        self._lines = list(lines)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def tools(self) -> list[Any]:
        """What the agent offered to the model."""
        return self._tools

    @property
    def seen(self) -> list[list[BaseMessage]]:
        """The messages of each call."""
        return self._seen

    @property
    def receipts(self) -> list[str]:
        """What the tools answered, as the model was shown it in the end."""
        return [str(message.content) for message in self._seen[-1] if isinstance(message, ToolMessage)]

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        self._tools = list(tools)
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        self._seen.append(list(messages))
        line = self._lines[min(len(self._seen), len(self._lines)) - 1]
        if isinstance(line, Exception):
            raise line
        answer = line if isinstance(line, AIMessage) else line(messages)
        # A model writes each of its messages anew, under an id of its own.
        return ChatResult(generations=[ChatGeneration(message=answer.model_copy(update={"id": None}))])


def say(words: str) -> AIMessage:
    return AIMessage(content=words)


def call(*arguments: dict[str, Any], name: str = TOOL, words: str = "") -> AIMessage:
    """One message of a model that calls the tool once for each of `arguments`."""
    return AIMessage(
        content=words,
        tool_calls=[
            {"name": name, "args": args, "id": f"call_{number}", "type": "tool_call"}
            for number, args in enumerate(arguments, start=1)
        ],
    )


def send(*texts: str) -> AIMessage:
    return call(*({"message": text} for text in texts))


def outbox(**filters: Any) -> list[OutboundMessage]:
    with service_scope(reason="test"):
        return list(OutboundMessage.objects.filter(**filters).order_by("idempotency_key"))


def texts() -> list[str]:
    return [message.body["text"] for message in outbox()]


def fresh(run: AgentRun) -> AgentRun:
    with service_scope(reason="test"):
        return AgentRun.objects.get(id=run.id)


def kept(run: AgentRun) -> list[str]:
    """The texts of the run that are not erased, in order."""
    with service_scope(reason="test"):
        rows = AgentRunInput.objects.filter(run=run, text__isnull=False).order_by("position")
        return [str(row.text) for row in rows]


def take_turn() -> int:
    """Carry out the runs that are due; returns how many."""
    return runs.run_pending(runner.perform)
