from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry

from renum.accounts.scope import service_scope
from renum.conversations.emails import email_index
from renum.conversations.models import Contact, Conversation, Suppression
from renum.conversations.phones import phone_index
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, delete_url, list_url, page_url, text_of

PHONE = "+5511912345678"
ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    return factories.make_conversation(cast.acme, phone=PHONE)


def _again(conversation: Conversation) -> Conversation:
    with service_scope(reason="test look"):
        return Conversation.objects.get(pk=conversation.pk)


def _form(conversation: Conversation, **changes: str) -> dict[str, str]:
    local = conversation.last_message_at.astimezone(ZONE)
    return {
        "status": conversation.status,
        "last_message_at_0": local.strftime("%d/%m/%Y"),
        "last_message_at_1": local.strftime("%H:%M:%S"),
        **changes,
    }


def test_i9_a_status_changed_by_staff_is_an_event_caused_by_them(
    cast: Cast, conversation: Conversation
) -> None:
    before = conversation.updated_at
    response = console_of(cast.sofia).post(page_url(conversation), _form(conversation, status="closed"))
    assert response.status_code == 302, response.content.decode()
    after = _again(conversation)
    assert after.status == "closed"
    assert after.updated_at > before
    assert after.last_message_at == conversation.last_message_at
    with service_scope(reason="test look"):
        event = Event.objects.get(conversation_id=conversation.id)
        assert LogEntry.objects.get(object_id=str(conversation.id)).user_id == cast.sofia.pk
    assert event.kind == Event.Kind.STATUS_CHANGED
    assert event.data == {"from": "open", "to": "closed"}
    assert event.cause == [f"profile:{cast.sofia.pk}"]


def test_staff_move_the_last_message_back_in_their_own_zone(cast: Cast, conversation: Conversation) -> None:
    values = _form(conversation, last_message_at_0="01/02/2026", last_message_at_1="09:30:00")
    assert console_of(cast.sofia).post(page_url(conversation), values).status_code == 302
    after = _again(conversation)
    assert after.last_message_at.isoformat() == "2026-02-01T12:30:00+00:00"
    assert after.updated_at > conversation.updated_at
    assert after.status == "open"


def test_saving_without_changes_changes_nothing(cast: Cast, conversation: Conversation) -> None:
    assert console_of(cast.sofia).post(page_url(conversation), _form(conversation)).status_code == 302
    after = _again(conversation)
    assert (after.updated_at, after.last_message_at) == (
        conversation.updated_at,
        conversation.last_message_at,
    )


def test_a_message_that_came_while_the_form_was_open_is_not_undone(
    cast: Cast, conversation: Conversation
) -> None:
    shown = _form(conversation, status="closed")
    shown |= {f"initial-{name}": value for name, value in shown.items() if name != "status"}
    came = conversation.last_message_at + timedelta(minutes=5)
    with service_scope(reason="test rows"):
        Conversation.objects.filter(pk=conversation.pk).update(last_message_at=came)
    assert console_of(cast.sofia).post(page_url(conversation), shown).status_code == 302
    after = _again(conversation)
    assert (after.status, after.last_message_at) == ("closed", came)


def test_nothing_else_of_a_conversation_can_be_edited(cast: Cast, conversation: Conversation) -> None:
    sofia = console_of(cast.sofia)
    values = _form(conversation, channel="email", client=str(cast.globex.pk), quiet_since_0="01/02/2026")
    assert sofia.post(page_url(conversation), values).status_code == 302
    after = _again(conversation)
    assert (after.channel, after.client_id) == ("whatsapp", cast.acme.pk)
    assert after.quiet_since == conversation.quiet_since
    assert sofia.get(add_url(Conversation)).status_code == 403
    assert sofia.post(delete_url(conversation), {"post": "yes"}).status_code == 403


def test_a_conversation_shows_its_whole_story(cast: Cast, conversation: Conversation) -> None:
    outbound = factories.make_outbound(conversation)
    inbound = factories.make_message(conversation)
    event = factories.make_event(cast.acme, conversation=conversation)
    execution = factories.make_execution(factories.make_trigger(cast.acme), conversation)
    run = factories.make_agent_run(conversation)
    elsewhere = factories.make_message(factories.make_conversation(cast.acme))
    page = text_of(console_of(cast.sofia).get(page_url(conversation)))
    for row in (outbound, inbound, event, execution, run, conversation.contact):
        assert page_url(row) in page, row
    assert page_url(elsewhere) not in page


def test_a_conversation_shows_its_latest_twenty_messages(cast: Cast, conversation: Conversation) -> None:
    for _number in range(25):
        factories.make_message(conversation)
    page = text_of(console_of(cast.sofia).get(page_url(conversation)))
    assert len(re.findall("/admin/conversations/message/[^/]+/change/", page)) == 20


def test_conversations_and_contacts_are_found_by_phone_however_it_is_typed(
    cast: Cast, conversation: Conversation
) -> None:
    other = factories.make_conversation(cast.globex, phone=PHONE)
    factories.make_conversation(cast.acme)
    sofia = console_of(cast.sofia)
    for term in (PHONE, "(11) 91234-5678", "11912345678"):
        found = sofia.get(list_url(Conversation), {"q": term}).context["cl"].result_list
        assert {row.pk for row in found} == {conversation.pk, other.pk}
        found = sofia.get(list_url(Contact), {"q": term}).context["cl"].result_list
        assert {row.pk for row in found} == {conversation.contact_id, other.contact_id}


@pytest.mark.parametrize("prefix", ["", "message:"])
def test_a_message_is_found_by_its_id(cast: Cast, conversation: Conversation, prefix: str) -> None:
    message = factories.make_message(conversation)
    factories.make_message(conversation)
    url = list_url(type(message))
    sofia = console_of(cast.sofia)
    assert list(sofia.get(url, {"q": f"{prefix}{message.id}"}).context["cl"].result_list) == [message]
    assert not sofia.get(url, {"q": "no-such-thing"}).context["cl"].result_list


def test_lists_are_filtered_by_client_and_by_day(cast: Cast, conversation: Conversation) -> None:
    factories.make_conversation(cast.globex)
    sofia = console_of(cast.sofia)
    day = conversation.last_message_at.astimezone(ZONE).strftime("%d/%m/%Y")
    for query, count in (
        ({"client__id__exact": str(cast.acme.pk)}, 1),
        ({"last_message_at_from": day, "last_message_at_to": day}, 2),
        ({"last_message_at_to": "01/01/2020"}, 0),
        ({"last_message_at_from": "not a day"}, 2),
        ({"recent_status": "closed"}, 0),
        ({"recent_status": "open"}, 2),
    ):
        response = sofia.get(list_url(Conversation), query)
        assert response.status_code == 200
        assert len(response.context["cl"].result_list) == count, query


def test_a_phone_is_blocked_and_unblocked(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    values = {"client": str(cast.acme.pk), "address": "(11) 91234-5678", "reason": "pediu por telefone"}
    assert sofia.post(add_url(Suppression), values).status_code == 302
    with service_scope(reason="test look"):
        blocked = Suppression.objects.get()
    assert blocked.address_index == phone_index(cast.acme.pk, PHONE)
    assert (blocked.channel, blocked.reason) == ("whatsapp", "pediu por telefone")
    assert "já está bloqueado" in text_of(sofia.post(add_url(Suppression), values))
    assert sofia.post(page_url(blocked), {"reason": "x"}).status_code == 403
    assert sofia.post(delete_url(blocked), {"post": "yes"}).status_code == 302
    with service_scope(reason="test look"):
        assert not Suppression.objects.exists()


def test_an_email_address_is_blocked_and_found_again(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    values = {"client": str(cast.acme.pk), "address": " Ana@Cliente.example", "reason": "pediu por e-mail"}
    assert sofia.post(add_url(Suppression), values).status_code == 302
    with service_scope(reason="test look"):
        blocked = Suppression.objects.get()
    assert blocked.address_index == email_index(cast.acme.pk, "ana@cliente.example")
    assert blocked.channel == "email"
    assert "já está bloqueado" in text_of(sofia.post(add_url(Suppression), values))
    for term, count in (("ANA@cliente.example", 1), ("bia@cliente.example", 0), ("(11) 91234-5678", 0)):
        response = sofia.get(list_url(Suppression), {"q": term})
        assert len(response.context["cl"].result_list) == count, term


@pytest.mark.parametrize(
    ("address", "words"),
    [("123", "Telefone inválido"), ("ana@", "endereço de email válido"), ("", "obrigatório")],
)
def test_what_is_no_address_is_not_blocked(cast: Cast, address: str, words: str) -> None:
    values = {"client": str(cast.acme.pk), "address": address, "reason": "x"}
    assert words in text_of(console_of(cast.sofia).post(add_url(Suppression), values))
    with service_scope(reason="test look"):
        assert not Suppression.objects.exists()


def test_a_contact_shows_its_masked_phone_and_name(cast: Cast, conversation: Conversation) -> None:
    page = text_of(console_of(cast.sofia).get(page_url(conversation.contact)))
    assert "+5511•••••••78" in page
    assert "Marina" in page
    assert PHONE.removeprefix("+") not in page


def test_a_contact_that_no_key_opens_does_not_break_its_list(cast: Cast, conversation: Conversation) -> None:
    from django.db import connection

    with service_scope(reason="test damage"), connection.cursor() as cursor:
        cursor.execute("UPDATE contacts SET phone = 'damaged', name = 'damaged'")
    for url in (list_url(Contact), list_url(Conversation), page_url(conversation.contact)):
        assert "ilegível" in text_of(console_of(cast.sofia).get(url))
