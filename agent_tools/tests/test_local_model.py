"""The chat model that serves offline."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from agent_tools.local_model import (
    FOLLOW_UP,
    GREETING,
    INTENTS,
    QUESTION,
    LocalChatModel,
    compose_reply,
    recognize_intent,
)
from agent_tools.tests.helpers import TOOL
from agent_tools.tools.whatsapp import WhatsAppArguments


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Quero agendar uma visita", "agendamento"),
        ("QUERO MARCAR HORÁRIO", "agendamento"),
        ("quero marcar horario", "agendamento"),
        ("Tem reunião amanhã?", "agendamento"),
        ("tem reuniao amanha?", "agendamento"),
        ("Qual o preço?", "orçamento"),
        ("qual o preco", "orçamento"),
        ("Me manda um orçamento", "orçamento"),
        ("Quanto custa o plano?", "orçamento"),
        ("Quero um reembolso", "cancelamento"),
        ("Vou cancelar", "cancelamento"),
        ("fazer uma reclamação", "cancelamento"),
        ("Oi", None),
        ("", None),
        ("😀", None),
        ("desmarcado", None),
    ],
)
def test_recognises_intents_with_and_without_accents(text: str, intent: str | None) -> None:
    assert recognize_intent(text) == intent
    expected = FOLLOW_UP.format(intent=intent) if intent else QUESTION
    assert compose_reply(text) == f"{GREETING} {expected}"


@pytest.mark.parametrize("text", ["Quero cancelar minha consulta", "quero cancelar o plano"])
def test_a_cancellation_is_one_whatever_it_is_that_is_cancelled(text: str) -> None:
    assert recognize_intent(text) == "cancelamento"


def test_the_greeting_names_the_three_intents() -> None:
    assert len(INTENTS) == 3
    assert all(intent in GREETING for intent in INTENTS)
    assert GREETING.startswith("Olá")


def test_answers_the_same_to_the_same() -> None:
    model = LocalChatModel().bind_tools([WhatsAppArguments])
    asked = [SystemMessage("…"), HumanMessage("Quero agendar")]
    first, second = model.invoke(asked), model.invoke(asked)
    assert (first.content, first.tool_calls) == (second.content, second.tool_calls)


def test_calls_its_tool_and_then_ends() -> None:
    tool = {"type": "function", "function": {"name": TOOL, "description": "", "parameters": {}}}
    model = LocalChatModel().bind_tools([tool])
    asked = HumanMessage("Quero agendar")

    answer = model.invoke([asked])
    assert isinstance(answer, AIMessage)
    assert [(made["name"], made["args"]) for made in answer.tool_calls] == [
        (TOOL, {"message": compose_reply("Quero agendar")})
    ]
    ended = model.invoke([asked, answer, ToolMessage('{"ok":true}', tool_call_id="call_1")])
    assert (ended.content, ended.tool_calls) == ("", [])


def test_answers_in_words_without_a_tool() -> None:
    answer = LocalChatModel().invoke([HumanMessage("Oi")])
    assert answer.content == compose_reply("Oi")
    assert answer.tool_calls == []


def test_answers_the_last_thing_that_was_asked() -> None:
    answer = LocalChatModel().invoke(
        [HumanMessage("Qual o preço?"), AIMessage("…"), HumanMessage("Quero agendar")]
    )
    assert "agendamento" in str(answer.content).removeprefix(GREETING)
