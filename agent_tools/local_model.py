"""A chat model without a network: it answers the same to the same, so that everything runs offline.

It knows words, not language: enough to show each tool in Portuguese, in the way that a real model would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent_tools.local.contact import next_for_contact
from agent_tools.local.intents import FOLLOW_UP, GREETING, INTENTS, QUESTION, compose_reply, recognize_intent
from agent_tools.local.operators import next_for_operator
from agent_tools.local.tools import Call, tool_of
from agent_tools.local.turn import SEND, Turn

CORRECTION = "[sistema] "  # what was said is to be said anew


class LocalChatModel(BaseChatModel):
    """Does what the words of the last human message ask for, by the tools that it was given."""

    @property
    def _llm_type(self) -> str:
        return "renum-local"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=_next_message(messages, **kwargs))])


def _next_message(messages: list[BaseMessage], tools: Sequence[dict[str, Any]] = (), **_: Any) -> AIMessage:
    turn = _turn_of(messages, tools)
    step = next_for_contact(turn) if SEND in turn.tools else next_for_operator(turn)
    if isinstance(step, Call):
        number = 1 + sum(len(one.tool_calls) for one in messages if isinstance(one, AIMessage))
        call = {"name": step.name, "args": step.arguments, "id": f"call_{number}", "type": "tool_call"}
        written = json.dumps(step.arguments, ensure_ascii=False)
        return AIMessage(content="", tool_calls=[call], usage_metadata=_usage(messages, written))
    return AIMessage(content=step or "", usage_metadata=_usage(messages, step or ""))


def _turn_of(messages: list[BaseMessage], tools: Sequence[dict[str, Any]]) -> Turn:
    """The last human message, and what was done since."""
    start = max(
        (at for at, one in enumerate(messages) if isinstance(one, HumanMessage)), default=len(messages)
    )
    text = messages[start].text if start < len(messages) else ""
    calls = {
        call["id"]: Call(call["name"], call["args"])
        for one in messages[start:]
        if isinstance(one, AIMessage)
        for call in one.tool_calls
    }
    uses = tuple(
        (calls[one.tool_call_id], _answer_of(one))
        for one in messages[start:]
        if isinstance(one, ToolMessage) and one.tool_call_id in calls
    )
    bound = map(tool_of, tools)
    return Turn(text, {tool.name: tool for tool in bound}, uses, is_correction=text.startswith(CORRECTION))


def _answer_of(message: ToolMessage) -> dict[str, Any]:
    """A tool's answer; what is no JSON object of ours tells of nothing done."""
    try:
        answer = json.loads(message.text)
    except ValueError:  # LangChain's own words, of a limit that was come to
        answer = None
    return answer if isinstance(answer, dict) else {"ok": False}


def _usage(messages: list[BaseMessage], written: str) -> UsageMetadata:
    """Words stand for tokens."""
    read, said = sum(len(one.text.split()) for one in messages), len(written.split())
    return UsageMetadata(input_tokens=read, output_tokens=said, total_tokens=read + said)


__all__ = [
    "FOLLOW_UP",
    "GREETING",
    "INTENTS",
    "QUESTION",
    "LocalChatModel",
    "compose_reply",
    "recognize_intent",
]
