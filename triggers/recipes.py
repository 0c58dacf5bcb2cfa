"""Ready examples of triggers, as bodies that can be posted as they are."""

from __future__ import annotations

from typing import Any

_ALWAYS: dict[str, Any] = {"condition_type": "always", "condition_config": {}}


def recipes_for(email: str) -> list[dict[str, Any]]:
    """The examples, each with a stable `key`; `email` gets those that write to the client's own people."""
    return [
        {"key": "inactivity_follow_up", "trigger": _INACTIVITY},
        {"key": "cancellation_notice", "trigger": _cancellation(email)},
        {"key": "appointment_reminder", "trigger": _REMINDER},
        {"key": "welcome", "trigger": _WELCOME},
    ]


_INACTIVITY: dict[str, Any] = {
    "name": "Follow-up de inatividade",
    "description": "Escreve uma vez a quem está há 3 dias sem nenhuma mensagem, se a conversa está aberta.",
    "trigger_type": "time_based",
    "trigger_config": {"delay_days": 3, "reference_field": "conversations.last_message_at"},
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "open"},
    "action_type": "send_message",
    "action_config": {
        "channel": "whatsapp",
        "message": 'Olá, {{ contato.nome | default: "tudo bem" }}! Ainda posso ajudar em algo?',
    },
}
_REMINDER: dict[str, Any] = {
    "name": "Lembrete de consulta",
    "description": "Lembra 1 dia antes da data do atributo consulta_em; de novo se a data mudar.",
    "trigger_type": "time_based",
    "trigger_config": {
        "delay_days": 1,
        "direction": "before",
        "reference_field": "contacts.attributes.consulta_em",
        "include_existing": False,
    },
    **_ALWAYS,
    "action_type": "send_message",
    "action_config": {
        "channel": "whatsapp",
        "message": "Olá! Lembramos que sua consulta é amanhã. Se não puder vir, é só responder aqui.",
    },
}
_WELCOME: dict[str, Any] = {
    "name": "Boas-vindas",
    "description": "Cumprimenta quem escreve pela primeira vez.",
    "trigger_type": "event_based",
    "trigger_config": {"event": "conversation_opened"},
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.last_inbound_at", "operator": "is_set"},
    "action_type": "send_message",
    "action_config": {
        "channel": "whatsapp",
        "message": "Olá! Que bom falar com você. Recebemos sua mensagem e já vamos responder.",
    },
}


def _cancellation(email: str) -> dict[str, Any]:
    return {
        "name": "Aviso de cancelamento",
        "description": "Avisa a equipe por e-mail quando alguém fala em cancelar.",
        "trigger_type": "event_based",
        "trigger_config": {"event": "intent_detected", "intent_values": ["cancelamento"]},
        **_ALWAYS,
        "action_type": "send_email",
        "action_config": {
            "to": [email],
            "subject": "Cliente falou em cancelamento",
            "body": 'O contato {{ contato.nome | default: "sem nome" }} falou em cancelar. Veja a conversa.',
        },
    }
