"""A chat model without a network: it answers the same to the same, so that everything runs offline.

It greets in Portuguese, names the intent it recognises among three, and calls its tool in the way
that a real model would.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

INTENTS: dict[str, re.Pattern[str]] = {
    # first, because what is cancelled is often an appointment or a plan
    "cancelamento": re.compile(r"\b(cancel|desist|reembolso|devolu|reclam|insatisf)"),
    "agendamento": re.compile(r"\b(agend|marcar|remarcar|horario|consulta|reuniao|visita)"),
    "orçamento": re.compile(r"\b(orcamento|preco|valor|quanto custa|comprar|proposta|plano)"),
}

GREETING = "Olá! Sou o assistente virtual e posso ajudar com agendamento, orçamento ou cancelamento."
QUESTION = "Sobre qual desses assuntos você quer falar?"
FOLLOW_UP = "Entendi que o assunto é {intent}. Pode me contar um pouco mais?"


def recognize_intent(text: str) -> str | None:
    """Name the first of the three intents whose words occur in the text."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return next((intent for intent, words in INTENTS.items() if words.search(plain)), None)


def compose_reply(text: str) -> str:
    """The greeting, and what follows from the text."""
    intent = recognize_intent(text)
    return f"{GREETING} {FOLLOW_UP.format(intent=intent) if intent else QUESTION}"


class LocalChatModel(BaseChatModel):
    """Calls the first tool it was given with the reply to the last human message, then ends."""

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
    if isinstance(messages[-1], ToolMessage):
        return AIMessage(content="")
    asked = next(message for message in reversed(messages) if isinstance(message, HumanMessage))
    reply = compose_reply(str(asked.content))
    if not tools:
        return AIMessage(content=reply)
    call = {"name": tools[0]["function"]["name"], "args": {"message": reply}, "id": "call_1"}
    return AIMessage(content="", tool_calls=[{**call, "type": "tool_call"}])
