"""Who must not be written to, under whatever name they turn up; and who waits for a person."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from renum.accounts.scope import service_scope
from renum.conversations.consent import OPTED_OUT, is_suppressed, release_contact, suppress_contact
from renum.conversations.identity import Kind, Person, alias_index, find_or_create_contact, learn_about
from renum.conversations.models import Contact, ContactAlias, Conversation, Suppression
from renum.conversations.services import want_attention
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together
from tests.console import add_url, console_of, delete_url, list_url, page_url, run_action, text_of

PHONE, WA_ID, OLD_WA_ID, LID = "+5585987654321", "5585987654321", "558587654321", "200000000000002"
CAUSE = Cause().then("inbound", "1")


def meet(cast: Cast, **person: Any) -> Contact:
    return find_or_create_contact(cast.acme.id, Person(**person))


def barred(cast: Cast) -> set[tuple[str, str]]:
    """Which of Marina's names are barred, and why."""
    names = {
        alias_index(cast.acme.id, Kind(kind), value): f"{kind} {value}"
        for kind, value in [
            ("phone", PHONE),
            ("wa_id", WA_ID),
            ("wa_id", OLD_WA_ID),
            ("lid", LID),
            ("match", "8587654321"),
        ]
    }
    rows = Suppression.objects.filter(client=cast.acme)
    return {(names[row.address_index], row.reason) for row in rows}


# --- every name -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_service")
def test_all_certain_names_are_barred_and_released_together(cast: Cast) -> None:
    contact = meet(cast, wa_id=OLD_WA_ID, lid=LID)
    assert not is_suppressed(contact)
    assert suppress_contact(contact, OPTED_OUT) is True
    # not the match key, which a landline of somebody else may share
    assert barred(cast) == {
        (f"phone {PHONE}", OPTED_OUT),
        (f"wa_id {OLD_WA_ID}", OPTED_OUT),
        (f"lid {LID}", OPTED_OUT),
    }
    assert suppress_contact(contact, OPTED_OUT) is False
    meet(cast, wa_id=WA_ID)
    assert (f"wa_id {WA_ID}", OPTED_OUT) in barred(cast)
    assert release_contact(contact, OPTED_OUT) is True
    assert barred(cast) == set()
    assert release_contact(contact, OPTED_OUT) is False


@pytest.mark.usefixtures("as_service")
def test_each_reason_bars_on_its_own(cast: Cast) -> None:
    contact = meet(cast, wa_id=WA_ID)
    suppress_contact(contact, "a pedido do jurídico")
    assert suppress_contact(contact, OPTED_OUT) is True
    assert release_contact(contact, OPTED_OUT) is True
    assert is_suppressed(contact) and not is_suppressed(contact, OPTED_OUT)
    suppress_contact(contact, OPTED_OUT)
    release_contact(contact, "a pedido do jurídico")
    assert is_suppressed(contact, OPTED_OUT)


@pytest.mark.usefixtures("as_service")
def test_a_contact_from_before_there_were_aliases_is_barred_by_phone(cast: Cast) -> None:
    contact = factories.make_contact(cast.acme, phone=PHONE)
    assert not ContactAlias.objects.exists()
    assert suppress_contact(contact, OPTED_OUT) is True
    assert is_suppressed(contact)
    assert is_suppressed(meet(cast, wa_id=WA_ID, lid=LID))


REASONS = [OPTED_OUT, "a pedido do jurídico"]
LATER_NAMES = [{"phone": PHONE}, {"wa_id": OLD_WA_ID}, {"wa_id": WA_ID}, {"lid": LID}]


@pytest.mark.usefixtures("as_service")
def test_a_bar_outlives_the_contact_and_meets_them_under_any_name(cast: Cast) -> None:
    """Erased or lost, then imported again, with or without the ninth digit, or met by LID alone."""
    free = []
    for reason in REASONS:
        for person in LATER_NAMES:
            contact = meet(cast, wa_id=OLD_WA_ID, lid=LID)
            suppress_contact(contact, reason)
            contact.delete()
            assert not ContactAlias.objects.exists()
            again = meet(cast, **person)
            assert again.id != contact.id
            if not is_suppressed(again, reason):
                free.append((reason, person))
            # another client's contact of the same name is another matter
            assert not is_suppressed(find_or_create_contact(cast.globex.id, Person(**person)))
            Contact.objects.all().delete()
            Suppression.objects.all().delete()
    assert free == []


@pytest.mark.usefixtures("as_service")
def test_who_opted_out_when_known_by_lid_alone_is_barred_by_the_phone_that_is_learned(cast: Cast) -> None:
    by_lid = meet(cast, lid=LID)
    suppress_contact(by_lid, OPTED_OUT)
    assert meet(cast, lid=LID, wa_id=WA_ID).id == by_lid.id
    by_lid.delete()
    assert is_suppressed(meet(cast, phone=PHONE), OPTED_OUT)


@pytest.mark.usefixtures("as_service")
def test_who_opted_out_by_lid_is_barred_in_the_conversation_that_their_phone_had(cast: Cast) -> None:
    by_phone, by_lid = meet(cast, phone=PHONE), meet(cast, lid=LID)
    suppress_contact(by_lid, OPTED_OUT)
    assert not is_suppressed(by_phone)
    assert meet(cast, wa_id=WA_ID, lid=LID).id == by_phone.id
    assert is_suppressed(by_phone, OPTED_OUT)


@pytest.mark.parametrize("learned_first", [True, False])
def test_a_name_that_is_learned_at_the_same_moment_is_barred_too(
    committed_cast: Cast, learned_first: bool
) -> None:
    with service_scope(reason="test"):
        contact = meet(committed_cast, wa_id=WA_ID)
    done = threading.Event()

    def work(number: int) -> None:
        learns = number == 0
        with service_scope(reason="test"):
            mine = Contact.objects.get(id=contact.id)
            if learns != learned_first:
                assert done.wait(5)
            if learns:
                learn_about(mine, Person(wa_id=WA_ID, lid=LID))
            else:
                suppress_contact(mine, OPTED_OUT)
            done.set()

    assert run_together(work, 2) == [None, None]
    with service_scope(reason="test"):
        assert (f"lid {LID}", OPTED_OUT) in barred(committed_cast)


# --- staff ------------------------------------------------------------------------------------------------


def test_staff_bar_and_release_a_known_contact_under_all_names(cast: Cast) -> None:
    with service_scope(reason="test"):
        contact = meet(cast, wa_id=WA_ID, lid=LID)
        suppress_contact(contact, OPTED_OUT)
    sofia = console_of(cast.sofia)
    typed = {"client": str(cast.acme.pk), "address": "(85) 98765-4321", "reason": "pediu por telefone"}
    names = {f"phone {PHONE}", f"wa_id {WA_ID}", f"lid {LID}"}
    every = {(name, reason) for name in names for reason in (OPTED_OUT, "pediu por telefone")}
    for remove in ("page", "list"):
        assert sofia.post(add_url(Suppression), typed).status_code == 302
        with service_scope(reason="test"):
            assert barred(cast) == every
            row = Suppression.objects.filter(reason="pediu por telefone").first()
            event = Event.objects.filter(kind=Event.Kind.CONTACT_SUPPRESSED).latest("occurred_at")
        assert row is not None
        assert event.cause == [f"profile:{cast.sofia.pk}"]
        assert PHONE not in str(event.data) and "telefone" not in str(event.data)
        if remove == "page":
            assert sofia.post(delete_url(row), {"post": "yes"}).status_code == 302
        else:
            chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
            assert sofia.post(list_url(Suppression), chosen).status_code == 302
        with service_scope(reason="test"):
            assert barred(cast) == {(name, OPTED_OUT) for name in names}
            assert LogEntry.objects.filter(object_id=str(row.pk), user_id=cast.sofia.pk).exists()


@pytest.fixture
def waiting(cast: Cast) -> Conversation:
    """A conversation that asks for a person."""
    conversation = factories.make_conversation(cast.acme)
    with service_scope(reason="test"):
        want_attention(conversation, "OPT_OUT_UNCLEAR", cause=CAUSE)
    return conversation


def test_staff_see_who_waits_for_a_person_and_mark_them_as_attended(
    cast: Cast, waiting: Conversation
) -> None:
    other = factories.make_conversation(cast.acme)
    sofia = console_of(cast.sofia)
    shown = sofia.get(list_url(Conversation), {"attention": "yes"})
    assert list(shown.context["cl"].result_list) == [waiting]
    assert "Talvez tenha pedido para não receber" in text_of(shown)
    assert "Talvez tenha pedido para não receber" in text_of(sofia.get(page_url(waiting)))

    answer = run_action(sofia, "give_attention", waiting, other)
    assert "1 conversa atendida." in text_of(answer)
    assert not sofia.get(list_url(Conversation), {"attention": "yes"}).context["cl"].result_list
    with service_scope(reason="test"):
        given = Event.objects.get(kind=Event.Kind.ATTENTION_GIVEN)
        assert LogEntry.objects.get(user_id=cast.sofia.pk).object_id == str(waiting.pk)
    assert (given.conversation_id, given.cause) == (waiting.id, [f"profile:{cast.sofia.pk}"])


def test_the_client_sees_who_waits_and_says_that_somebody_has_looked(committed_cast: Cast, api: Any) -> None:
    conversation = factories.make_conversation(committed_cast.acme)
    with service_scope(reason="test"):
        want_attention(conversation, "OPT_OUT_UNCLEAR", cause=CAUSE)
    path = f"/api/conversations/{conversation.id}"
    alice = api(committed_cast.alice)
    shown = alice.get(path).json()["conversation"]
    assert shown["attention_reason"] == "OPT_OUT_UNCLEAR" and shown["attention_at"]
    assert shown["unanswered_since"] is None and shown["agent_paused_until"] is None
    for refused in ({"attention": True}, {"attention": None}, {"attention": "soon"}):
        assert "attention" in alice.patch(path, refused, format="json").json()["details"]
    assert api(committed_cast.bob).patch(path, {"attention": False}, format="json").status_code == 404
    assert alice.get(path).json()["conversation"] == shown

    body = alice.patch(path, {"attention": False}, format="json").json()
    assert (body["conversation"]["attention_reason"], body["conversation"]["attention_at"]) == ("", None)
    assert alice.patch(path, {"attention": False}, format="json").status_code == 200
    with service_scope(reason="test"):
        (given,) = Event.objects.filter(kind=Event.Kind.ATTENTION_GIVEN)
    assert given.cause == [f"profile:{committed_cast.alice.id}"]
