"""The console about who people are: their names in part, doubts to settle, and the LGPD's two buttons."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from integrations.models import OutboundMessage
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.conversations.identity import Person, find_or_create_contact
from renum.conversations.models import Contact, ConversationPolicy, IdentityDoubt
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, list_url, page_url, run_action, text_of

LID = "90000000000001"


def _contact(cast: Cast, **names: Any) -> Contact:
    with service_scope(reason="test rows"):
        return find_or_create_contact(cast.acme.id, Person(**names))


def _rows(model: Any, **filters: Any) -> list[Any]:
    with service_scope(reason="test look"):
        return list(model.objects.filter(**filters))


def _url(view: str, contact: Contact) -> str:
    return reverse(f"admin:conversations_contact_{view}", args=[contact.pk])


def test_a_contact_shows_names_in_part_and_doubts(cast: Cast) -> None:
    contact = _contact(cast, phone="+5511987654321", wa_id="551187654321", lid=LID, name="Ana")
    factories.make_doubt(contact, other=factories.make_contact(cast.acme, name="Outra Ana"))
    page = text_of(console_of(cast.sofia).get(page_url(contact)))
    assert [whole for whole in ("987654321", "551187654321", "1187654321", LID) if whole in page] == []
    for part in ("9000••••••••01", "5511••••••21", "Outra Ana", "Mesmo DDD", "LID do WhatsApp"):
        assert part in page, part


def test_who_has_no_phone_is_shown_by_part_of_the_lid(cast: Cast) -> None:
    contact = _contact(cast, lid=LID, name="Sem telefone")
    sofia = console_of(cast.sofia)
    for page in (text_of(sofia.get(list_url(Contact))), text_of(sofia.get(page_url(contact)))):
        assert "9000••••••••01@lid" in page
        assert LID not in page


def test_open_doubts_come_first_and_are_settled_on_record(cast: Cast) -> None:
    first, second = (factories.make_doubt(factories.make_contact(cast.acme)) for _ in range(2))
    sofia = console_of(cast.sofia)
    assert "1 dúvida resolvida." in text_of(run_action(sofia, "are_different", second))
    assert [row.resolved_at is None for row in _rows(IdentityDoubt, id=second.id)] == [False]
    assert [row.resolved_at is None for row in _rows(IdentityDoubt, id=first.id)] == [True]
    listed = sofia.get(list_url(IdentityDoubt)).context["cl"].result_list
    assert [row.id for row in listed] == [first.id, second.id]
    only_open = sofia.get(f"{list_url(IdentityDoubt)}?open=1").context["cl"].result_list
    assert [row.id for row in only_open] == [first.id]
    (entry,) = _rows(LogEntry)
    assert (entry.user_id, entry.object_id) == (cast.sofia.id, str(second.id))
    assert "1 já estava resolvida." in text_of(run_action(sofia, "are_different", second))
    assert len(_rows(LogEntry)) == 1


def test_an_export_is_a_file_and_on_record(cast: Cast) -> None:
    contact = _contact(cast, phone="+5511987654321", name="Ana")
    sofia = console_of(cast.sofia)
    assert sofia.get(_url("export", contact)).status_code == 405
    assert _rows(Event, kind=Event.Kind.CONTACT_EXPORTED) == []
    answer = sofia.post(_url("export", contact))
    assert answer["Content-Disposition"].startswith("attachment")
    assert json.loads(answer.content)["held"]["contact"][0]["phone"] == "+5511987654321"
    (event,) = _rows(Event, kind=Event.Kind.CONTACT_EXPORTED)
    assert event.cause == [f"profile:{cast.sofia.id}"]


def test_an_erasure_asks_first_and_is_on_record(cast: Cast) -> None:
    contact = _contact(cast, phone="+5511987654321", name="Ana")
    sofia = console_of(cast.sofia)
    question = text_of(sofia.get(_url("erase", contact)))
    assert "Não há volta" in question and "987654321" not in question
    assert len(_rows(Contact)) == 1
    assert "Dados apagados" in text_of(sofia.post(_url("erase", contact), follow=True))
    assert _rows(Contact) == []
    (event,) = _rows(Event, kind=Event.Kind.CONTACT_ERASED)
    assert event.cause == [f"profile:{cast.sofia.id}"]
    assert sofia.post(_url("erase", contact)).status_code == 404


def test_an_erasure_that_cannot_be_done_now_says_so(cast: Cast) -> None:
    outbound = factories.make_outbound(
        factories.make_conversation(cast.acme), state=OutboundMessage.State.SENDING
    )
    contact = outbound.conversation.contact  # type: ignore[union-attr]
    page = text_of(console_of(cast.sofia).post(_url("erase", contact), follow=True))
    assert "em andamento" in page
    assert len(_rows(Contact)) == 1


def test_who_may_only_look_neither_exports_nor_erases(cast: Cast) -> None:
    contact = _contact(cast, phone="+5511987654321")
    doubt = factories.make_doubt(contact)
    with service_scope(reason="test rows"):
        carla = Profile.objects.create_user("carla@renum.test", "carla-password-1", role="admin")
        seen = ("view_contact", "view_identitydoubt")
        carla.user_permissions.set(Permission.objects.filter(codename__in=seen))
    for profile, status in ((carla, 403), (cast.alice, 302)):
        browser = console_of(profile)
        for view in ("export", "erase"):
            assert browser.post(_url(view, contact)).status_code == status, (profile.email, view)
        run_action(browser, "are_different", doubt)
    page = text_of(console_of(carla).get(page_url(contact)))
    assert "LGPD" not in page
    assert [row.resolved_at for row in _rows(IdentityDoubt)] == [None]
    assert len(_rows(Contact)) == 2


def test_rules_are_changed_through_the_service(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    form: dict[str, Any] = {
        "client": str(cast.acme.id),
        "burst_quiet_seconds": "3",
        "burst_max_seconds": "12",
        "handover_minutes": "30",
        "opt_out_text": "Certo, paramos.",
        "opt_in_text": "",
        "message_days": "365",
        "event_days": "180",
        "inbox_days": "30",
    }
    for wrong in ({"burst_max_seconds": "2"}, {"inbox_days": "3"}, {"message_days": "4000"}):
        assert sofia.post(add_url(ConversationPolicy), {**form, **wrong}).status_code == 200, wrong
    assert _rows(ConversationPolicy) == []
    assert sofia.post(add_url(ConversationPolicy), form).status_code == 302
    (policy,) = _rows(ConversationPolicy)
    assert (policy.client_id, policy.handover_minutes, policy.opt_in_text) == (cast.acme.id, 30, "")
    del form["client"]
    assert sofia.post(page_url(policy), {**form, "handover_minutes": "45"}).status_code == 302
    (policy,) = _rows(ConversationPolicy)
    assert policy.handover_minutes == 45
    fields = [event.data["fields"] for event in _rows(Event, kind=Event.Kind.CONVERSATION_POLICY_CHANGED)]
    assert ["handover_minutes"] in fields and len(fields) == 2
