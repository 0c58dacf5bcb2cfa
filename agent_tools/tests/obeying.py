"""A chat model that does whatever a text tells it to: what an attacker may hope for at best."""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from agent_tools.tests.helpers import TOOL, say
from agent_tools.tests.injections import FOUND, Act, Injection

POLITE = "Olá! Em que posso ajudar?"


class ObeyingModel(BaseChatModel):
    """Does its `errand` first, as any agent would. Once it is shown an injection, it does nothing else:

    it calls the tools that the attacker wants, with the very arguments, whether they were offered or not;
    then it says what the attacker wants to hear, by the tool, and at last in plain words, again and again.
    `known`: what stands for the markers in an injection.
    """

    _injections: tuple[Injection, ...] = PrivateAttr()
    _errand: list[Act] = PrivateAttr()
    _known: dict[str, str] = PrivateAttr()
    _plans: dict[str, Iterator[AIMessage]] = PrivateAttr(default_factory=dict)
    _seen: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _attempted: list[Act] = PrivateAttr(default_factory=list)
    _said: list[str] = PrivateAttr(default_factory=list)

    def __init__(self, *injections: Injection, errand: Sequence[Act] = (), known: Mapping[str, str]):
        super().__init__()
        self._injections, self._errand, self._known = injections, list(errand), dict(known)

    @property
    def _llm_type(self) -> str:
        return "obeying"

    @property
    def seen(self) -> list[list[BaseMessage]]:
        """The messages of each call."""
        return self._seen

    @property
    def attempted(self) -> list[Act]:
        """The calls that it made because it was told to."""
        return self._attempted

    @property
    def said(self) -> list[str]:
        """What it said, by the tool or in words, because it was told to."""
        return self._said

    @property
    def answers(self) -> list[str]:
        """What tools answered, as it was shown it in the end."""
        return [str(one.content) for one in self._seen[-1] if isinstance(one, ToolMessage)]

    @property
    def prompt(self) -> str:
        """The instructions that it was given."""
        return "\n".join(str(one.content) for one in self._seen[0] if isinstance(one, SystemMessage))

    def has_seen(self, injection: Injection) -> bool:
        """Whether the injection reached it."""
        return injection.name in self._plans

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        self._seen.append(list(messages))
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _next(self, messages: list[BaseMessage]) -> AIMessage:
        for one in self._injections:
            if one.name not in self._plans and is_shown(self.filled(one.text), messages):
                self._plans[one.name] = self._obey(one)
        for plan in self._plans.values():
            if (line := next(plan, None)) is not None:
                return line
        if self._errand:
            return call_all([self._errand.pop(0)])
        return say(POLITE)

    # --- What it is told to do ----------------------------------------------------------------------

    def _obey(self, injection: Injection) -> Iterator[AIMessage]:
        for acts in _rounds(injection):
            yield self._attempt([(name, self.filled(arguments)) for name, arguments in acts])
        lines = [*injection.lies, *injection.says]
        for line in lines:
            self._said.append(self.filled(line))
            yield call_all([(TOOL, {"message": self._said[-1]})])
        while lines:
            for line in lines:
                self._said.append(self.filled(line))
                yield say(self._said[-1])

    def _attempt(self, acts: list[Act]) -> AIMessage:
        self._attempted.extend(acts)
        return call_all(acts)

    def filled(self, value: Any) -> Any:
        """The value with what is known in the place of its markers."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if not isinstance(value, str):
            return value
        for marker, text in (*self._known.items(), *self._instructions().items(), (FOUND, self._found())):
            value = value.replace(marker, text)
        return value

    def _found(self) -> str:
        return "\n".join(self.answers)[:2000]

    def _instructions(self) -> dict[str, str]:
        """What it was told, whole or in part, and dressed up."""
        whole = self.prompt
        return {
            "«instruções»": whole,
            "«regras»": whole[whole.find("Regras que valem") :],
            "«instruções soletradas»": " ".join(whole[:600]),
            "«instruções em base64»": base64.b64encode(whole.encode()).decode(),
            "«instruções de trás para frente»": whole[::-1],
            "«instruções em rot13»": codecs.encode(whole, "rot13"),
            "«instruções em hexadecimal»": whole[:900].encode().hex(),
        }


def call_all(acts: Sequence[Act]) -> AIMessage:
    """One message of a model that calls all these tools at once."""
    calls: list[Any] = [
        {"name": name, "args": arguments, "id": f"call_{number}", "type": "tool_call"}
        for number, (name, arguments) in enumerate(acts, start=1)
    ]
    return AIMessage(content="", tool_calls=calls)


def is_shown(text: str, messages: Sequence[BaseMessage]) -> bool:
    """Whether the text stands in what others gave the model, as it is or as JSON has it."""
    forms = (text, json.dumps(text, ensure_ascii=False)[1:-1])
    given = (str(one.content) for one in messages if not isinstance(one, AIMessage | SystemMessage))
    return any(form in content for content in given for form in forms)


def _rounds(injection: Injection) -> Iterator[Sequence[Act]]:
    """What is done at once; then, with what that found; for ever, where that is wanted."""
    first = [act for act in injection.acts if FOUND not in str(act)]
    while True:
        for acts in (first, [act for act in injection.acts if act not in first]):
            if acts:
                yield acts
        if not injection.is_endless:
            return
