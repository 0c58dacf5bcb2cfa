"""`/api/contacts`: by cursor, by phone however it is typed, and one with all the names."""

from __future__ import annotations

from typing import Any

from renum.accounts.scope import service_scope
from renum.api.tests.envelopes import assert_envelope
from renum.conversations.identity import Person, find_or_create_contact
from renum.conversations.models import Contact
from tests import factories
from tests.cast import Cast

LIST = "/api/contacts"


def _meet(client: Any, **names: Any) -> Contact:
    with service_scope(reason="test rows"):
        return find_or_create_contact(client.id, Person(**names))


def test_contacts_are_listed_latest_first_and_page_by_page(cast: Cast, api: Any) -> None:
    mine = [str(factories.make_contact(cast.acme, name=f"Pessoa {number}").id) for number in range(5)]
    factories.make_contact(cast.globex)
    pages, cursor = [], None
    while len(pages) < 5:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        body = api(cast.alice).get(LIST, query).json()
        pages.append([one["id"] for one in body["contacts"]])
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert pages == [mine[:2:-1], mine[2:0:-1], mine[:1]]
    shown = api(cast.alice).get(LIST, {"limit": 1}).json()["contacts"][0]
    assert set(shown) == {"id", "phone", "name", "created_at", "updated_at"}
    assert shown["name"] == "Pessoa 4"


def test_a_phone_is_found_however_it_is_typed(cast: Cast, api: Any) -> None:
    known = _meet(cast.acme, wa_id="551187654321", name="Sem nono dígito")
    before_aliases = factories.make_contact(cast.acme, phone="+5521987651234")
    factories.make_contact(cast.globex, phone="+5521987651234")
    lid_only = _meet(cast.acme, lid="90000000000001")
    for typed, contact in (
        ("+5511987654321", known),
        ("(11) 98765-4321", known),
        ("011987654321", known),
        ("551187654321", known),
        ("21 98765-1234", before_aliases),
    ):
        found = api(cast.alice).get(LIST, {"phone": typed}).json()["contacts"]
        assert [one["id"] for one in found] == [str(contact.id)], typed
    assert api(cast.alice).get(LIST, {"phone": "11 98765-0000"}).json()["contacts"] == []
    for typed in ("90000000000001", "abc", "123"):
        assert_envelope(api(cast.alice).get(LIST, {"phone": typed}), 400, "INVALID_PHONE")
    listed = {one["id"]: one["phone"] for one in api(cast.alice).get(LIST).json()["contacts"]}
    assert listed[str(lid_only.id)] is None


def test_one_contact_is_shown_with_every_name_bars_and_doubts(cast: Cast, api: Any) -> None:
    contact = _meet(cast.acme, phone="+5511987654321", wa_id="551187654321", lid="90000000000001", name="Ana")
    factories.make_doubt(contact)
    settled = factories.make_doubt(factories.make_contact(cast.acme), other=contact)
    with service_scope(reason="test rows"):
        settled.resolved_at = settled.created_at
        settled.save(update_fields=["resolved_at"])
    url = f"{LIST}/{contact.id}"
    shown = api(cast.alice).get(url).json()["contact"]
    assert {(one["kind"], one["value"]) for one in shown.pop("aliases")} == {
        ("phone", "+5511987654321"),
        ("wa_id", "551187654321"),
        ("lid", "90000000000001"),
        ("match", "1187654321"),
    }
    assert (shown["phone"], shown["name"]) == ("+5511987654321", "Ana")
    assert (shown["opted_out"], shown["open_doubts"]) == (False, 1)
    factories.make_suppression(cast.acme, phone="+5511987654321")
    assert api(cast.alice).get(url).json()["contact"]["opted_out"] is True
    assert_envelope(api(cast.bob).get(url), 404, "CONTACT_NOT_FOUND")
    assert_envelope(api(cast.alice).post(url, {}, format="json"), 405, "METHOD_NOT_ALLOWED")
