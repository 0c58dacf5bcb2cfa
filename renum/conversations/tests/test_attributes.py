"""What a client knows of its contacts: set by name, refused by name, and counted from where it is a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renum import clock
from renum.accounts.scope import service_scope
from renum.api.tests.envelopes import assert_envelope
from renum.conversations import privacy
from renum.conversations.attributes import MAX_ATTRIBUTES, set_attributes
from renum.conversations.errors import ContactNotFound
from renum.conversations.models import Channel, Contact, ContactDate, Conversation
from renum.errors import InvalidInput
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together
from tests.console import console_of, page_url, text_of


def _set(contact: Contact, **changes: Any) -> None:
    with service_scope(reason="test"):
        set_attributes(Contact.objects.get(id=contact.id), changes)


def _stored(contact: Contact) -> dict[str, Any]:
    with service_scope(reason="test look"):
        return dict(Contact.objects.values_list("attributes", flat=True).get(id=contact.id))


def _dates(contact: Contact) -> dict[str, datetime]:
    with service_scope(reason="test look"):
        return dict(ContactDate.objects.filter(contact=contact).values_list("name", "at"))


def _url(contact: Contact) -> str:
    return f"/api/contacts/{contact.id}"


def _patch(api: Any, profile: Any, contact: Contact, attributes: Any) -> Any:
    return api(profile).patch(_url(contact), {"attributes": attributes}, format="json")


# --- Set by name ------------------------------------------------------------------------------------------


def test_attributes_are_merged_by_name_and_null_removes_one(cast: Cast) -> None:
    contact = factories.make_contact(cast.acme)
    _set(contact, cidade="Olinda", pontos=3, vip=True)
    _set(contact, pontos=4.5, vip=None, nunca_houve=None)
    assert _stored(contact) == {"cidade": "Olinda", "pontos": 4.5}


def test_the_api_answers_the_contact_as_it_shows_it(cast: Cast, api: Any) -> None:
    contact = factories.make_contact(cast.acme, name="Ana")
    answer = _patch(api, cast.alice, contact, {"cidade": "Olinda", "vip": False, "pontos": 0})
    assert answer.status_code == 200, answer.json()
    shown = answer.json()
    assert shown["contact"]["attributes"] == {"cidade": "Olinda", "vip": False, "pontos": 0}
    assert shown == api(cast.alice).get(_url(contact)).json()
    assert _patch(api, cast.alice, contact, {}).json() == shown  # nothing said, nothing changed


def test_i6_another_client_s_contact_is_not_found_and_stays_as_it_was(cast: Cast, api: Any) -> None:
    contact = factories.make_contact(cast.acme)
    _set(contact, cidade="Olinda")
    assert_envelope(_patch(api, cast.bob, contact, {"cidade": "Recife"}), 404, "CONTACT_NOT_FOUND")
    assert _stored(contact) == {"cidade": "Olinda"}
    with service_scope(reason="test"):
        theirs = Contact.objects.get(id=contact.id)
        theirs.client_id = cast.globex.id
        with pytest.raises(ContactNotFound):
            set_attributes(theirs, {"cidade": "Recife"})
    assert _stored(contact) == {"cidade": "Olinda"}


def test_i2_two_who_set_different_names_at_once_lose_nothing(committed_cast: Cast) -> None:
    contact = factories.make_contact(committed_cast.acme)
    run_together(lambda number: _set(contact, **{f"nome_{number}": number}), 4)
    assert _stored(contact) == {f"nome_{number}": number for number in range(4)}


# --- Refused by name --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Cidade", "1a", "_a", "é", "a-b", "a.b", "a b", "a" * 41, "cidade\n"])
def test_a_name_that_conditions_could_not_say_is_refused(cast: Cast, api: Any, name: str) -> None:
    contact = factories.make_contact(cast.acme)
    body = assert_envelope(_patch(api, cast.alice, contact, {"certo": 1, name: 1}), 400, "VALIDATION_ERROR")
    assert list(body["details"]) == [f"attributes.{name}"]
    assert _stored(contact) == {}


@pytest.mark.parametrize(
    "value",
    ["a" * 501, "nu\0l", "meia \ud83d", float("inf"), float("nan"), 10**15 + 1, -1e16, [], ["a"], {"a": 1}],
    ids=repr,
)
def test_a_value_that_is_no_text_number_or_boolean_is_refused(cast: Cast, value: Any) -> None:
    contact = factories.make_contact(cast.acme)
    with pytest.raises(InvalidInput) as refused:
        _set(contact, certo=1, errado=value)
    assert list(refused.value.details) == ["attributes.errado"]
    assert _stored(contact) == {}


@pytest.mark.parametrize("value", ["", "a" * 500, "😀", 10**15, -0.5, 0, True, False])
def test_values_at_the_limits_are_kept_as_they_are(cast: Cast, value: Any) -> None:
    contact = factories.make_contact(cast.acme)
    _set(contact, limite=value)
    assert repr(_stored(contact)) == repr({"limite": value})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "attributes"),
        ({"attributes": [1]}, "attributes"),
        ({"attributes": None}, "attributes"),
        ({"attributes": {"a": 1}, "phone": "+5511987654321"}, "phone"),
        ({"attributes": {"a": [1]}}, "attributes.a"),
    ],
)
def test_a_body_of_another_shape_is_refused_by_path(cast: Cast, api: Any, body: Any, path: str) -> None:
    contact = factories.make_contact(cast.acme)
    refused = assert_envelope(
        api(cast.alice).patch(_url(contact), body, format="json"), 400, "VALIDATION_ERROR"
    )
    assert list(refused["details"]) == [path]
    assert _stored(contact) == {}


def test_there_are_at_most_fifty(cast: Cast) -> None:
    contact = factories.make_contact(cast.acme)
    full = {f"nome_{number}": number for number in range(MAX_ATTRIBUTES)}
    _set(contact, **full)
    with pytest.raises(InvalidInput) as refused:
        _set(contact, mais_um=1)
    assert list(refused.value.details) == ["attributes"]
    _set(contact, mais_um=1, nome_0=None)
    del full["nome_0"]
    assert _stored(contact) == {**full, "mais_um": 1}


# --- Dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "text", "instant"),
    [
        ("America/Sao_Paulo", "2026-05-31", datetime(2026, 5, 31, 3, tzinfo=UTC)),
        ("Asia/Tokyo", "2026-05-31", datetime(2026, 5, 30, 15, tzinfo=UTC)),
        ("America/Sao_Paulo", "2018-11-04", datetime(2018, 11, 4, 3, tzinfo=UTC)),  # it began at one o'clock
        ("America/Sao_Paulo", "2026-05-31T09:30:00-03:00", datetime(2026, 5, 31, 12, 30, tzinfo=UTC)),
        ("Asia/Tokyo", "2026-05-31T09:30:00Z", datetime(2026, 5, 31, 9, 30, tzinfo=UTC)),
        ("America/Sao_Paulo", "2026-05-31 09:30", datetime(2026, 5, 31, 12, 30, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_moment_by_the_client_s_clock(
    cast: Cast, zone: str, text: str, instant: datetime
) -> None:
    cast.acme.timezone = zone
    with service_scope(reason="test rows"):
        cast.acme.save(update_fields=["timezone"])
    contact = factories.make_contact(cast.acme)
    _set(contact, consulta_em=text)
    assert _dates(contact) == {"consulta_em": instant}
    assert _stored(contact) == {"consulta_em": text}


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-30",
        "31/05/2026",
        "20260531",
        "2026-W22-1",
        "2026-05",
        "0001-01-01",
        "9999-12-31T23:59:59-12:00",
    ]
    + ["2026-05-31T25:00", "em 2026-05-31", "2026-05-31\n", 20260531, True],
)
def test_what_is_no_date_is_kept_and_not_counted_from(cast: Cast, value: Any) -> None:
    contact = factories.make_contact(cast.acme)
    _set(contact, consulta_em=value)
    assert (_dates(contact), _stored(contact)) == ({}, {"consulta_em": value})


def test_a_date_moves_and_goes_with_its_attribute(cast: Cast) -> None:
    contact = factories.make_contact(cast.acme)
    _set(contact, consulta_em="2026-05-31", retorno_em="2026-06-30", aniversario="1990-01-01")
    _set(contact, consulta_em="2026-06-01", retorno_em="a combinar", aniversario=None)
    assert _dates(contact) == {"consulta_em": datetime(2026, 6, 1, 3, tzinfo=UTC)}


# --- Automations look again -------------------------------------------------------------------------------


def test_every_conversation_of_the_contact_is_looked_at_again(cast: Cast) -> None:
    long_ago = clock.now() - timedelta(days=3)
    talk = factories.make_conversation(cast.acme, updated_at=long_ago)
    other = factories.make_conversation(cast.acme, updated_at=long_ago)
    with service_scope(reason="test rows"):
        Conversation.objects.create(
            client=cast.acme, contact=talk.contact, channel=Channel.EMAIL, updated_at=long_ago
        )

    def changed() -> list[bool]:
        with service_scope(reason="test look"):
            rows = Conversation.objects.filter(contact=talk.contact).values_list("updated_at", flat=True)
            assert Conversation.objects.get(id=other.id).updated_at == long_ago
            return [at > long_ago for at in rows]

    with pytest.raises(InvalidInput):
        _set(talk.contact, vip=[])
    assert changed() == [False, False]
    _set(talk.contact, vip=1)
    assert changed() == [True, True]
    with service_scope(reason="test rows"):
        Conversation.objects.update(updated_at=long_ago)
    _set(talk.contact, vip=1, cidade=None)
    assert changed() == [False, False]  # it was so already
    _set(talk.contact, vip=True)
    assert changed() == [True, True]  # 1 is not true


# --- LGPD, and the console --------------------------------------------------------------------------------


def test_an_export_holds_them_and_an_erasure_leaves_none(cast: Cast, api: Any) -> None:
    contact, other = factories.make_contact(cast.acme), factories.make_contact(cast.acme)
    for one in (contact, other):
        _set(one, cidade="Olinda", consulta_em="2026-05-31")
    held = api(cast.alice).get(f"{_url(contact)}/export").json()["held"]
    assert held["contact"][0]["attributes"] == {"cidade": "Olinda", "consulta_em": "2026-05-31"}
    assert held["dates"] == [{"name": "consulta_em", "at": "2026-05-31T03:00:00Z"}]
    with service_scope(reason="test"):
        erased = privacy.erase_contact(cast.acme.id, contact.id, cause=Cause())
    assert (erased["dates"], erased["contact"]) == (1, 1)
    assert (_dates(contact), len(_dates(other))) == ({}, 1)


def test_the_console_shows_them_and_has_no_field_for_them(cast: Cast) -> None:
    contact = factories.make_contact(cast.acme)
    _set(contact, cidade="<b>Olinda</b>", vip=True)
    page = text_of(console_of(cast.sofia).get(page_url(contact)))
    assert "<code>cidade</code>: &quot;&lt;b&gt;Olinda&lt;/b&gt;&quot;<br><code>vip</code>: true" in page
    assert 'name="attributes"' not in page
