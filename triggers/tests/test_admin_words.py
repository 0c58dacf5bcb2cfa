"""Triggers in words."""

from __future__ import annotations

from typing import Any

import pytest

from triggers import actions, conditions, when
from triggers.admin import words
from triggers.models import Trigger
from triggers.schemas import SEQUENCE

STATUS = {
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "open"},
}
PLAN = {
    "condition_type": "field_contains",
    "condition_config": {"field": "contacts.attributes.plano", "value": "ouro"},
}


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        (
            "time_based",
            {"delay_days": 1, "delay_hours": 2, "reference_field": "conversations.created_at"},
            "1 dia 2 horas após: início da conversa",
        ),
        (
            "time_based",
            {"delay_days": 2, "direction": "before", "reference_field": "contacts.attributes.consulta_em"},
            "2 dias antes de: consulta_em",
        ),
        ("time_based", {"schedule": {"crontab": "0 9 * * 1"}}, "pelo calendário: 0 9 * * 1"),
        ("time_based", {"schedule": {"every": 2, "period": "hours"}}, "a cada 2 horas"),
        ("event_based", {"event": "intent_detected", "intent_values": ["cancelamento"]}, "(cancelamento)"),
        ("condition_based", {}, "quando a condição passa a valer"),
        ("lunar", [1], "lunar [1]"),
    ],
)
def test_when_in_words(kind: str, config: Any, sentence: str) -> None:
    assert sentence in words.when(Trigger(trigger_type=kind, trigger_config=config))


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("always", {}, "sempre"),
        ("field_equals", {"field": "conversations.status", "value": "open"}, "situação da conversa = open"),
        (
            "field_equals",
            {"field": "contacts.attributes.x", "operator": "in", "value": [1, 2]},
            "x é um de 1, 2",
        ),
        ("field_equals", {"field": "contacts.attributes.x", "operator": "is_set"}, "x tem valor"),
        (
            "time_elapsed",
            {"field": "conversations.last_inbound_at", "delay_days": 2},
            "2 dias desde: última mensagem recebida",
        ),
        ("all", {"conditions": [STATUS, PLAN]}, "(situação da conversa = open e plano contém “ouro”)"),
        ("any", {"conditions": [PLAN]}, "plano contém “ouro”"),
        ("not", {"condition": STATUS}, "não: situação da conversa = open"),
        ("not", {"condition": 7}, 'Negação de uma condição {"condition": 7}'),
    ],
)
def test_if_in_words(kind: str, config: Any, sentence: str) -> None:
    assert words.condition(Trigger(condition_type=kind, condition_config=config)) == sentence


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("send_message", {"channel": "whatsapp", "template_id": "ola"}, "enviar pelo whatsapp: “ola”"),
        (
            "send_message",
            {"channel": "whatsapp", "to": "+5511987650001", "message": "Oi"},
            "enviar pelo whatsapp para +5511987650001: “Oi”",
        ),
        (
            "send_email",
            {"to": ["a@b.test"], "subject": "Alerta", "body": "x"},
            "enviar e-mail para a@b.test: “Alerta”",
        ),
        (
            "send_email",
            {"to": ["a@b.test", "c@d.test"], "subject": "Alerta"},
            "enviar e-mail para 2 endereços: “Alerta”",
        ),
        ("change_status", {"status": "closed"}, "mudar a situação da conversa para encerrada"),
        ("run_trigger", {"trigger_id": "x"}, "acionar outro gatilho"),
        ("call_tool", {"tool": "send_email", "arguments": {}}, "usar a ferramenta send_email"),
        (
            "sequence",
            {
                "actions": [
                    {"action_type": "run_trigger", "action_config": {}},
                    {"action_type": "change_status", "action_config": {"status": "open"}},
                ]
            },
            "1. acionar outro gatilho; 2. mudar a situação da conversa para aberta",
        ),
        ("change_status", {"status": "aberta"}, 'Mudar a situação da conversa {"status": "aberta"}'),
        ("sequence", {"actions": 7}, 'Várias ações em ordem {"actions": 7}'),
    ],
)
def test_then_in_words(kind: str, config: Any, sentence: str) -> None:
    assert words.action(Trigger(action_type=kind, action_config=config)) == sentence


def test_every_type_has_a_name() -> None:
    for name in [*conditions.REGISTRY, *actions.REGISTRY, SEQUENCE]:
        assert words.type_name(name) != name
    assert set(when.REGISTRY) == set(Trigger.Type.values)
