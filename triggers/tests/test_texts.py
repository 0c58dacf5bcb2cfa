"""Texts with variables: what may be written, what is filled in, and what is not sent."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.errors import InvalidTemplate
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from triggers.errors import InvalidTriggerConfig, TemplateVariableMissing
from triggers.facts import load_facts, no_facts
from triggers.schemas import Step, check_references, validate_parts
from triggers.tests.helpers import executions, idle_for, outbox, sweep, verdicts
from triggers.texts import Subject, check_text, fill_in, preview

GREETING = "Olá, {{ contato.nome }}!"
PARTS: dict[str, Any] = {
    "trigger_type": "time_based",
    "trigger_config": factories.DELAY,
    "condition_type": "always",
    "condition_config": {},
}


def subject_of(conversation: Conversation, **event: Any) -> Subject:
    with service_scope(reason="test"):
        conversation = Conversation.objects.select_related("contact").get(id=conversation.id)
        facts = load_facts([conversation.id], clock.now())[conversation.id]
    return Subject(conversation.client_id, conversation, facts.with_event(Event(data=event)))


def marina(cast: Cast, *, name: str | None = "Marina", **attributes: Any) -> Conversation:
    phone = factories.next_phone()
    factories.make_contact(cast.acme, phone=phone, name=name, attributes=attributes)
    return factories.make_conversation(cast.acme, phone=phone)


def filled(source: str, subject: Subject, **how: Any) -> str:
    with service_scope(reason="test"):
        return fill_in(source, subject, **how)


def steps(*actions: tuple[str, dict[str, Any]]) -> tuple[Step, ...]:
    config = {"actions": [{"action_type": name, "action_config": config} for name, config in actions]}
    return validate_parts(**PARTS, action_type="sequence", action_config=config).steps


def problems_of(client_id: Any, action_type: str, config: dict[str, Any]) -> dict[str, list[str]]:
    """What saving it would say."""
    with service_scope(reason="test"):
        try:
            parts = validate_parts(**PARTS, action_type=action_type, action_config=config)
            check_references(parts, client_id)
        except InvalidTriggerConfig as error:
            return error.details
    return {}


# --- what may be written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Sem variáveis: 100% { } }}",
        GREETING,
        "{{ contato.telefone }} {{ conversa.status }} {{ conversa.canal }} {{ cliente.nome }}",
        "{{ contato.atributos.plano }} {{ contato['atributos']['plano'] }} {{ evento.intent }}",
        '{{ contato.nome | default: "cliente" | upcase }}',
        "{% assign nome = contato.nome %}{{ nome }}",
        '{% if conversa.status == "open" %}aberta{% endif %}',
    ],
)
def test_a_text_may_name_what_is_known_of_a_conversation(source: str) -> None:
    assert check_text(source) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ nome }}", "nome"),
        ("{{ contato }}", "contato"),
        ("{{ contato.atributos }}", "contato.atributos"),
        ("{{ contato.atributos.Plano }}", "contato.atributos.Plano"),
        ("{{ contato.atributos.plano.size }}", "contato.atributos.plano.size"),
        ("{{ contato.phone_index }}", "contato.phone_index"),
        ("{{ contato[conversa.status] }}", "contato"),
        ("{{ cliente.profile.email }}", "cliente.profile.email"),
        ("{{ evento.a.b }}", "evento.a.b"),
        ("{{ settings.SECRET_KEY }}", "settings.SECRET_KEY"),
        ("{{ contato.nome", "Erro no modelo (linha 1)"),
        ("Oi\n{% if contato.nome %}", "Erro no modelo (linha 2)"),
        ("{{ contato.nome | gritar }}", "gritar"),
        ("{% include 'outro' %}", "Erro no modelo"),
        ("Oi\x00", "não permitidos"),
        ("Oi \ud83d", "não permitidos"),
    ],
)
def test_a_text_with_a_mistake_is_refused_and_says_which(source: str, words: str) -> None:
    (problem,) = check_text(source)
    assert words in problem


@pytest.mark.parametrize(
    ("action_type", "config", "path"),
    [
        ("send_message", {"channel": "whatsapp", "message": "{{ x }}"}, "message"),
        ("send_message", {"channel": "email", "subject": "{{ x }}", "message": "Oi"}, "subject"),
        ("send_email", {"to": ["a@b.test"], "subject": "Oi", "body": "{{ x }}"}, "message"),
        (
            "call_tool",
            {"tool": "send_whatsapp_message", "arguments": {"message": "{{ x }}"}},
            "arguments.message",
        ),
    ],
)
def test_saving_names_where_the_mistake_is(
    cast: Cast, action_type: str, config: dict[str, Any], path: str
) -> None:
    assert list(problems_of(cast.acme.id, action_type, config)) == [f"action_config.{path}"]
    sequence = {"actions": [{"action_type": action_type, "action_config": config}]}
    expected = [f"action_config.actions.0.action_config.{path}"]
    assert list(problems_of(cast.acme.id, "sequence", sequence)) == expected


# --- what is filled in ---------------------------------------------------------------------------------


def test_values_come_from_contact_conversation_client_and_event(cast: Cast) -> None:
    conversation = marina(cast, plano="ouro", parcelas=3, vip=True)
    subject = subject_of(conversation, intent="cancelamento")
    source = (
        "{{ contato.nome }}|{{ contato.atributos.plano }}|{{ contato.atributos.parcelas }}|"
        "{{ contato.atributos.vip }}|{{ conversa.status }}|{{ conversa.canal }}|{{ cliente.nome }}|"
        "{{ evento.intent }}"
    )
    assert filled(source, subject) == "Marina|ouro|3|true|open|whatsapp|Acme|cancelamento"
    assert filled("{{ contato.telefone }}", subject) == conversation.contact.phone


@pytest.mark.parametrize("name", [None, "", "   "])
def test_a_variable_without_a_value_is_named_and_not_left_blank(cast: Cast, name: str | None) -> None:
    subject = subject_of(marina(cast, name=name))
    with pytest.raises(TemplateVariableMissing) as caught:
        filled("{{ contato.nome }}, seu plano {{ contato.atributos.plano }} em {{ conversa.canal }}", subject)
    assert caught.value.code == "TEMPLATE_VARIABLE_MISSING"
    assert caught.value.details == {"variables": ["contato.atributos.plano", "contato.nome"]}
    assert filled('{{ contato.nome | default: "tudo bem" }}?', subject) == "tudo bem?"


def test_without_a_conversation_only_client_and_event_have_values(cast: Cast) -> None:
    subject = Subject(cast.acme.id, None, no_facts(clock.now()))
    assert filled("{{ cliente.nome }}", subject) == "Acme"
    with pytest.raises(TemplateVariableMissing):
        filled(GREETING, subject)
    with pytest.raises(TemplateVariableMissing):
        filled("{{ conversa.status }}", subject)


def test_what_a_value_says_is_never_a_template_itself(cast: Cast) -> None:
    subject = subject_of(marina(cast, name="{{ contato.telefone }}"))
    assert filled(GREETING, subject) == "Olá, {{ contato.telefone }}!"


def test_values_are_escaped_in_html_and_nowhere_else(cast: Cast) -> None:
    subject = subject_of(marina(cast, name="<b>Ana & Bia</b>", nota="<i>"))
    html = "<p>{{ contato.nome }} {{ contato.atributos.nota }}</p>"
    assert filled(html, subject, is_html=True) == "<p>&lt;b&gt;Ana &amp; Bia&lt;/b&gt; &lt;i&gt;</p>"
    assert filled(GREETING, subject) == "Olá, <b>Ana & Bia</b>!"


def test_a_text_that_grows_too_long_is_not_filled_in(cast: Cast) -> None:
    subject = subject_of(marina(cast, nota="x" * 1000))
    with pytest.raises(InvalidTemplate):
        filled("{% for n in (1..900) %}{{ contato.atributos.nota }}{% endfor %}", subject)


# --- what is not sent ----------------------------------------------------------------------------------


def test_i8_a_missing_variable_sends_nothing_and_says_which(cast: Cast) -> None:
    factories.make_integration(cast.acme)
    factories.make_trigger(
        cast.acme,
        action_config={"channel": "whatsapp", "message": "Seu plano: {{ contato.atributos.plano }}"},
    )
    idle_for(cast.acme, days=4)
    sweep()
    assert verdicts() == [("failed", "TEMPLATE_VARIABLE_MISSING")]
    assert "contato.atributos.plano" in str(executions()[0].error_message)
    assert outbox() == []


# --- preview -------------------------------------------------------------------------------------------

TELLING = (
    ("send_message", {"channel": "whatsapp", "message": GREETING}),
    (
        "send_message",
        {"channel": "email", "subject": "Oi {{ contato.nome }}", "message": "<p>{{ contato.nome }}</p>"},
    ),
    ("send_message", {"channel": "whatsapp", "message": "{{ contato.atributos.falta }}"}),
    ("send_message", {"channel": "whatsapp", "message": "{{ contato.atributos.nota }}" * 5}),
    ("change_status", {"status": "closed"}),
    ("call_tool", {"tool": "send_whatsapp_message", "arguments": {"message": GREETING}}),
)


def test_a_preview_shows_what_each_step_would_say_or_why_it_would_not(cast: Cast) -> None:
    conversation = marina(cast, email="marina@example.com", nota="x" * 1000)
    with service_scope(reason="test"):
        seen = preview(steps(*TELLING), subject_of(conversation))
    assert [(one.number, one.action_type, dict(one.texts), one.reason_code) for one in seen] == [
        (0, "send_message", {"message": "Olá, Marina!"}, ""),
        (1, "send_message", {"subject": "Oi Marina", "message": "<p>Marina</p>"}, ""),
        (2, "send_message", {}, "TEMPLATE_VARIABLE_MISSING"),
        (3, "send_message", {}, "VALIDATION_ERROR"),
        (4, "change_status", {}, ""),
        (5, "call_tool", {"message": "Olá, Marina!"}, ""),
    ]
    assert [bool(one.problem) for one in seen] == [False, False, True, True, False, False]


def test_a_preview_without_a_conversation_says_so(cast: Cast) -> None:
    written = (
        *TELLING[:1],
        ("send_email", {"to": ["a@b.test"], "subject": "Resumo", "body": "{{ cliente.nome }}"}),
    )
    with service_scope(reason="test"):
        seen = preview(steps(*written), Subject(cast.acme.id, None, no_facts(clock.now())))
    assert [(dict(one.texts), one.reason_code) for one in seen] == [
        ({}, "NO_CONVERSATION"),
        ({"subject": "Resumo", "message": "Acme"}, ""),
    ]


def test_a_preview_only_reads(cast: Cast) -> None:
    factories.make_integration(cast.acme)
    conversation = marina(cast, email="marina@example.com")
    factories.make_template(cast.acme, name="ola", body=GREETING)
    written = (*TELLING, ("send_message", {"channel": "whatsapp", "template_id": "ola"}))
    subject, planned = subject_of(conversation), steps(*written)
    with service_scope(reason="test"), CaptureQueriesContext(connection) as queries:
        preview(planned, subject)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]
    assert outbox() == []
