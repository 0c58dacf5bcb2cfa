"""What each action does, once, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from triggers.actions.base import Occasion, Skip
from triggers.actions.change_status import TYPE as CHANGE_STATUS
from triggers.facts import no_facts
from triggers.models import Trigger
from triggers.schemas import validate_parts
from triggers.tests.helpers import change, executions, fresh, idle_for, outbox, quiet_since, sweep, verdicts
from triggers.tests.thens import ALERT, CLOSE, HELLO, MAILS, TEXT, Written, bodies, refusals, then


@pytest.fixture(autouse=True)
def _standing_still(moving_clock: MovableClock) -> None:
    moving_clock.stop()


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.acme, **MAILS)
    return cast.acme


# --- send_message --------------------------------------------------------------------------------------


def test_a_message_greets_the_contact_by_name(acme: Client) -> None:
    factories.make_trigger(acme, **then(("send_message", HELLO)))
    conversation = idle_for(acme, days=4)
    sweep()
    (message,) = outbox()
    assert (message.body, message.conversation_id) == ({"text": "Olá, Marina!"}, conversation.id)
    assert message.priority == 2


def test_the_client_s_template_wins_over_the_text(acme: Client) -> None:
    template = factories.make_template(acme, name="follow_up_1", body="Oi de novo, {{ contato.nome }}.")
    for reference in ("follow_up_1", str(template.id), "outro_nome"):
        factories.make_trigger(acme, **then(("send_message", {**HELLO, "template_id": reference})))
    idle_for(acme, days=4)
    sweep()
    texts = sorted(body["text"] for body in bodies())
    assert texts == ["Oi de novo, Marina.", "Oi de novo, Marina.", "Olá, Marina!"]


def test_a_template_that_is_gone_by_then_sends_nothing(acme: Client) -> None:
    template = factories.make_template(acme, name="tchau", body="Até logo!")
    factories.make_trigger(acme, **then(("send_message", {"channel": "whatsapp", "template_id": "tchau"})))
    with service_scope(reason="test"):
        template.delete()
    idle_for(acme, days=4)
    sweep()
    assert verdicts() == [("failed", "TEMPLATE_NOT_FOUND")]
    assert outbox() == []


def test_i6_another_client_s_template_is_none(cast: Cast) -> None:
    theirs = factories.make_template(cast.globex, name="segredo", body="Oi")
    for reference in ("segredo", str(theirs.id)):
        config = {"channel": "whatsapp", "template_id": reference}
        assert list(refusals(cast.acme, ("send_message", config))) == ["action_config.template_id"]
        assert refusals(cast.globex, ("send_message", config)) == {}


def test_a_template_of_the_other_channel_is_none(cast: Cast) -> None:
    factories.make_template(cast.acme, name="carta", channel="email", subject="Oi", body="Oi")
    config = {"channel": "whatsapp", "template_id": "carta"}
    assert list(refusals(cast.acme, ("send_message", config))) == ["action_config.template_id"]
    assert refusals(cast.acme, ("send_message", {**config, "channel": "email"})) == {}


def test_a_template_that_names_unknown_variables_is_refused(cast: Cast) -> None:
    factories.make_template(cast.acme, name="solto", body="Oi {{ nome }}")
    config = {"channel": "whatsapp", "template_id": "solto"}
    (path, (problem,)) = refusals(cast.acme, ("send_message", config)).popitem()
    assert path == "action_config.template_id"
    assert "nome" in problem


def test_a_message_to_a_phone_opens_the_conversation_there(acme: Client) -> None:
    factories.make_trigger(
        acme,
        **then(("send_message", {"channel": "whatsapp", "to": "(11) 98765-0001", "message": "Veja isto."})),
    )
    idle = idle_for(acme, days=4)
    sweep()
    (message,) = outbox()
    assert message.conversation_id not in (None, idle.id)
    with service_scope(reason="test"):
        told = Conversation.objects.select_related("contact").exclude(id=idle.id).get()
    assert told.contact.phone == "+5511987650001"


def test_an_email_goes_to_the_contact_s_address(acme: Client) -> None:
    written = {
        "channel": "email",
        "subject": "Oi, {{ contato.nome }}",
        "message": "<p>{{ contato.nome }}</p>",
    }
    factories.make_trigger(acme, **then(("send_message", written)))
    reachable, other = (
        idle_for(
            acme,
            days=4,
        ),
        idle_for(acme, days=4),
    )
    change(reachable.contact, attributes={"email": "Marina@Example.COM"})
    change(other.contact, attributes={"email": "nenhum"})
    sweep()
    (body,) = bodies()
    assert (body["to"], body["subject"]) == (["Marina@example.com"], "Oi, Marina")
    assert (body["html"], body["text"].strip(), body["automated"]) == ("<p>Marina</p>", "Marina", True)
    assert verdicts(conversation_id=other.id) == [("failed", "NO_EMAIL_ADDRESS")]


REFUSED: dict[str, tuple[Written, str]] = {
    "neither text nor template": (("send_message", {"channel": "whatsapp"}), "message"),
    "no such template": (("send_message", {"channel": "whatsapp", "template_id": "x"}), "template_id"),
    "subject on whatsapp": (("send_message", {**HELLO, "subject": "Oi"}), "subject"),
    "mail without subject": (("send_message", {"channel": "email", "message": "Oi"}), "subject"),
    "a label is no subject": (
        ("send_message", {"channel": "email", "message": "Oi", "template_id": "x"}),
        "subject",
    ),
    "address as phone": (("send_message", {**HELLO, "to": "a@b.test"}), "to"),
    "addresses as phone": (("send_message", {**HELLO, "to": ["a@b.test"]}), "to"),
    "phone as address": (("send_message", {"channel": "email", "to": "+5511987650001"}), "to"),
    "nobody": (("send_email", {"subject": "Oi", "body": "Oi"}), "to"),
    "null": (("send_email", {**ALERT, "to": None}), "to"),
    "empty": (("send_email", {**ALERT, "to": []}), "to"),
    "51 addresses": (("send_email", {**ALERT, "to": [f"a{n}@b.test" for n in range(51)]}), "to"),
    "no address": (("send_email", {**ALERT, "to": ["a@b.test", "nada"]}), "to"),
    "number": (("send_email", {**ALERT, "to": [7]}), "to"),
    "long subject": (("send_email", {**ALERT, "subject": "x" * 256}), "subject"),
    "long body": (("send_email", {**ALERT, "body": "x" * 65_537}), "body"),
    "body and message": (("send_email", {**ALERT, "message": "Oi"}), "body"),
    "whatsapp": (("send_email", {**ALERT, "channel": "whatsapp"}), "channel"),
    "unknown status": (("change_status", {"status": "aberta"}), "status"),
    "no status": (("change_status", {}), "status"),
    "unknown from": (("change_status", {"status": "open", "from": ["aberta"]}), "from.0"),
    "empty from": (("change_status", {"status": "open", "from": []}), "from"),
    "no trigger": (("run_trigger", {}), "trigger_id"),
    "no id": (("run_trigger", {"trigger_id": "x"}), "trigger_id"),
    "no such trigger": (("run_trigger", {"trigger_id": str(uuid4())}), "trigger_id"),
}


@pytest.mark.parametrize(("written", "path"), REFUSED.values(), ids=REFUSED)
def test_refuses_an_action_and_says_where(cast: Cast, written: Written, path: str) -> None:
    assert f"action_config.{path}" in refusals(cast.acme, written)
    with service_scope(reason="test"):
        assert Trigger.objects.count() == 0


# --- send_email ----------------------------------------------------------------------------------------


def test_one_mail_goes_to_all_addresses(acme: Client) -> None:
    to = [f"a{number}@b.test" for number in range(50)]
    factories.make_trigger(acme, **then(("send_email", {**ALERT, "to": to})))
    idle_for(acme, days=4)
    sweep()
    (body,) = bodies()
    assert body["to"] == to
    assert (body["subject"], body["text"], body["html"]) == ("Alerta de Marina", "Ligue já.", "")


def test_the_brief_s_mail_of_a_template(acme: Client) -> None:
    factories.make_template(
        acme, name="alert", channel="email", subject="Do modelo", body="<b>{{ contato.nome }}</b>"
    )
    factories.make_trigger(acme, **then(("send_email", {"to": ALERT["to"], "template_id": "alert"})))
    factories.make_trigger(
        acme, **then(("send_email", {"to": ALERT["to"], "template_id": "alert", "subject": "Meu"}))
    )
    idle_for(acme, days=4)
    sweep()
    assert sorted(body["subject"] for body in bodies()) == ["Do modelo", "Meu"]
    assert {body["html"] for body in bodies()} == {"<b>Marina</b>"}


def test_a_contact_s_name_can_neither_write_html_nor_headers(acme: Client) -> None:
    html = {**ALERT, "body": "<p>{{ contato.nome }}</p>"}
    plain = {**ALERT, "body": "Nome: {{ contato.nome }}"}
    for config in (html, plain):
        factories.make_trigger(acme, **then(("send_email", config)))
    quiet_since(acme, clock.now() - timedelta(days=4), name="<a href=x>\r\nBcc: y@z.test")
    sweep()
    assert {body["subject"] for body in bodies()} == {"Alerta de <a href=x> Bcc: y@z.test"}
    assert sorted(body["html"] for body in bodies()) == ["", "<p>&lt;a href=x&gt;\nBcc: y@z.test</p>"]


# --- change_status -------------------------------------------------------------------------------------


def test_changes_the_status_and_records_why(acme: Client) -> None:
    trigger = factories.make_trigger(acme, **then(("change_status", {"status": "closed", "from": ["open"]})))
    conversation = idle_for(acme, days=4)
    sweep()
    assert fresh(conversation).status == "closed"
    (execution,) = executions()
    assert execution.result == {"from": "open", "to": "closed"}
    with service_scope(reason="test"):
        event = Event.objects.get(kind=Event.Kind.STATUS_CHANGED)
    assert event.cause == [f"trigger:{trigger.id}", f"execution:{execution.id}"]


@pytest.mark.parametrize("config", [{"status": "open"}, {"status": "closed", "from": ["pending"]}])
def test_i8_a_status_that_is_not_as_expected_is_left_alone(acme: Client, config: dict[str, Any]) -> None:
    factories.make_trigger(acme, **then(("change_status", config)))
    conversation = idle_for(acme, days=4)
    sweep()
    assert verdicts() == [("skipped", "STATUS_NOT_AS_EXPECTED")]
    assert fresh(conversation).status == "open"
    with service_scope(reason="test"):
        assert not Event.objects.filter(kind=Event.Kind.STATUS_CHANGED).exists()


def occasion(conversation: Conversation, number: int = 0) -> Occasion:
    now = clock.now()
    return Occasion(
        client_id=conversation.client_id,
        conversation=conversation,
        facts=no_facts(now),
        execution_id=uuid4(),
        key=f"test:{number}",
        cause=Cause(),
        now=now,
    )


def test_of_two_that_change_a_status_at_once_one_wins(committed_cast: Cast) -> None:
    conversation = idle_for(committed_cast.acme, days=4)
    configs = [
        CHANGE_STATUS.config.model_validate({"status": status, "from": ["open"]})
        for status in ("closed", "pending")
    ]

    def work(number: int) -> Any:
        with service_scope(reason="test"):
            return CHANGE_STATUS.run(configs[number], occasion(conversation, number))

    results = run_together(work, 2)

    (won,) = [result for result in results if isinstance(result, dict)]
    (lost,) = [result for result in results if not isinstance(result, dict)]
    assert isinstance(lost, Skip) and lost.reason_code == "STATUS_NOT_AS_EXPECTED"
    assert fresh(conversation).status == won["to"]
    with service_scope(reason="test"):
        assert Event.objects.filter(kind=Event.Kind.STATUS_CHANGED).count() == 1


# --- how much ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "messages", "needs_conversation"),
    [
        (TEXT, 1, True),
        (("send_message", {**HELLO, "to": "+5511987650001"}), 1, False),
        (("send_message", {"channel": "email", "subject": "Oi", "message": "Oi"}), 1, True),
        (("send_email", {**ALERT, "to": ["a@b.test", "c@d.test"]}), 1, False),
        (CLOSE, 0, True),
        (("run_trigger", {"trigger_id": str(UUID(int=1))}), 0, False),
        (("call_tool", {"tool": "send_whatsapp_message", "arguments": {}}), 1, True),
        (("call_tool", {"tool": "send_email", "arguments": {}}), 1, False),
        (("call_tool", {"tool": "abolished", "arguments": {}}), 0, False),
    ],
)
def test_tells_how_many_messages_it_sends_and_whether_it_needs_a_conversation(
    written: Written, messages: int, needs_conversation: bool
) -> None:
    parts = validate_parts("time_based", factories.DELAY, "always", {}, *then(written).values())
    (step,) = parts.steps
    assert step.type.messages(step.config) == messages
    assert step.type.needs_conversation(step.config) is needs_conversation
