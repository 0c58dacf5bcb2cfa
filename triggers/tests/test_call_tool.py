"""The agents' tools, used by triggers."""

from __future__ import annotations

from typing import Any

import pytest

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from tests import factories
from tests.cast import Cast
from triggers.errors import InvalidTriggerConfig
from triggers.models import Trigger
from triggers.tests.helpers import change, executions, idle_for, outbox, sweep, verdicts

TEXT = {"message": "Oi, {{ contato.nome }}!"}
MAIL = {"to": ["sucesso@renum.test"], "subject": "Sobre {{ contato.nome }}", "message": "Plano: <ouro>"}


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.acme, type="email_smtp", provider="smtp", name="SMTP")
    return cast.acme


def make_caller(client: Client, tool: str, arguments: Any) -> Trigger:
    return factories.make_trigger(
        client, action_type="call_tool", action_config={"tool": tool, "arguments": arguments}
    )


def test_the_whatsapp_tool_writes_to_the_contact_by_the_one_way_out(acme: Client) -> None:
    trigger = make_caller(acme, "send_whatsapp_message", TEXT)
    conversation = idle_for(acme, days=4)
    sweep()
    (execution,), (message,) = executions(), outbox()
    assert (message.body, message.conversation_id) == ({"text": "Oi, Marina!"}, conversation.id)
    assert (message.priority, message.idempotency_key) == (2, f"trigger:{execution.id}")
    assert message.cause == [f"trigger:{trigger.id}", f"execution:{execution.id}"]
    assert execution.result == {"message_id": str(message.id)}
    with service_scope(reason="test"):
        assert Message.objects.get().author == "trigger"


def test_the_email_tool_writes_plain_text(acme: Client) -> None:
    make_caller(acme, "send_email", MAIL)
    idle_for(acme, days=4)
    sweep()
    (message,) = outbox()
    assert (message.body["to"], message.body["subject"]) == (["sucesso@renum.test"], "Sobre Marina")
    assert (message.body["text"], message.body["html"]) == ("Plano: <ouro>", "")
    assert message.body["automated"] is True


REFUSED = {
    "unknown tool": ("drop_tables", {}, "tool"),
    "no text": ("send_whatsapp_message", {}, "arguments.message"),
    "empty text": ("send_whatsapp_message", {"message": ""}, "arguments.message"),
    "blank text": ("send_whatsapp_message", {"message": "  "}, "arguments.message"),
    "text with nul": ("send_whatsapp_message", {"message": "a\x00b"}, "arguments.message"),
    "long text": ("send_whatsapp_message", {"message": "x" * 4097}, "arguments.message"),
    "number": ("send_whatsapp_message", {"message": 7}, "arguments.message"),
    "recipient is not theirs to say": (
        "send_whatsapp_message",
        {**TEXT, "phone": "+5511987650001"},
        "arguments.phone",
    ),
    "unknown variable": ("send_whatsapp_message", {"message": "{{ segredo }}"}, "arguments.message"),
    "no recipient": ("send_email", {**MAIL, "to": []}, "arguments.to"),
    "51 recipients": ("send_email", {**MAIL, "to": [f"a{n}@b.test" for n in range(51)]}, "arguments.to"),
    "no address": ("send_email", {**MAIL, "to": ["nada"]}, "arguments.to.0"),
    "blank subject": ("send_email", {**MAIL, "subject": " "}, "arguments.subject"),
    "long subject": ("send_email", {**MAIL, "subject": "x" * 256}, "arguments.subject"),
    "not an object": ("send_email", [], "arguments"),
}


@pytest.mark.parametrize(("tool", "arguments", "path"), REFUSED.values(), ids=REFUSED)
def test_arguments_are_checked_when_they_are_saved(cast: Cast, tool: str, arguments: Any, path: str) -> None:
    with pytest.raises(InvalidTriggerConfig) as caught:
        make_caller(cast.acme, tool, arguments)
    assert list(caught.value.details) == [f"action_config.{path}"]
    with service_scope(reason="test"):
        assert Trigger.objects.count() == 0


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"tool": "abolished", "arguments": {}}, "TOOL_NOT_FOUND"),
        ({"tool": "send_whatsapp_message", "arguments": {"text": "Oi"}}, "VALIDATION_ERROR"),
        (
            {"tool": "send_whatsapp_message", "arguments": {"message": "{{ contato.atributos.x }}"}},
            "TEMPLATE_VARIABLE_MISSING",
        ),
        (
            {"tool": "send_whatsapp_message", "arguments": {"message": "{{ contato.atributos.nota }}" * 5}},
            "VALIDATION_ERROR",
        ),
    ],
    ids=["tool", "arguments", "variable", "too long once filled in"],
)
def test_i8_what_cannot_be_called_sends_nothing_and_says_why(
    acme: Client, config: dict[str, Any], code: str
) -> None:
    trigger = factories.make_trigger(acme)
    change(trigger, action_type="call_tool", action_config=config)
    change(idle_for(acme, days=4).contact, attributes={"nota": "x" * 1000})
    sweep()
    assert verdicts() == [("failed", code)]
    assert outbox() == []
