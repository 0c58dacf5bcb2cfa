"""One contact for all the names of a person; two, and a question to staff, where it is not certain."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renum.conversations.identity import (
    OPTED_OUT,
    Person,
    find_contacts,
    find_or_create_contact,
    indexes_of_contacts,
)
from renum.conversations.models import Channel, Contact, ContactAlias, IdentityDoubt, Suppression
from renum.conversations.phones import match_key
from renum.security.blind_index import blind_index
from tests import factories
from tests.cast import Cast

PHONE, WA_ID, OLD_WA_ID, LID = "+5585987654321", "5585987654321", "558587654321", "200000000000002"
LANDLINE, MOBILE = "+551134567890", "+5511934567890"  # one match key, two lines

pytestmark = pytest.mark.usefixtures("as_service")


def meet(cast: Cast, **person: Any) -> Contact:
    return find_or_create_contact(cast.acme.id, Person(**person))


def doubts() -> set[tuple[str, frozenset[Any]]]:
    return {(one.reason, frozenset([one.contact_id, one.other_id])) for one in IdentityDoubt.objects.all()}


# --- one person ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(4))), ids=lambda order: "".join(map(str, order))
)
def test_all_names_lead_to_one_contact_in_whatever_order_they_turn_up(
    cast: Cast, order: tuple[int, ...]
) -> None:
    names = [{"phone": PHONE}, {"wa_id": WA_ID}, {"wa_id": OLD_WA_ID}, {"wa_id": WA_ID, "lid": LID}]
    met = [meet(cast, **names[place]) for place in order]
    assert {contact.id for contact in met} == {meet(cast, lid=LID).id}
    contact = Contact.objects.get()
    assert contact.phone == PHONE
    kinds = {row.kind for row in contact.aliases.all()}
    assert kinds == {"phone", "wa_id", "lid", "match"}
    assert doubts() == set()


def test_a_lid_is_never_a_phone(cast: Cast) -> None:
    contact = meet(cast, lid=LID, name="Marina")
    assert (contact.phone, contact.phone_index, contact.wa_id) == (None, None, f"{LID}@lid")
    assert [row.kind for row in contact.aliases.all()] == ["lid"]
    assert contact.masked_phone == ""


def test_who_was_known_by_lid_alone_gets_their_phone_when_it_is_told(cast: Cast) -> None:
    first = meet(cast, lid=LID)
    again = meet(cast, lid=LID, wa_id=WA_ID, name="Marina")
    assert again.id == first.id
    assert (again.phone, again.wa_id, again.name) == (PHONE, WA_ID, "Marina")
    assert meet(cast, phone=PHONE).id == first.id


def test_a_number_that_is_no_valid_phone_is_known_by_whatsapp_s_digits(cast: Cast) -> None:
    contact = meet(cast, wa_id="999999999999")
    assert (contact.phone, contact.wa_id) == (None, "999999999999")
    assert meet(cast, wa_id="999999999999").id == contact.id


def test_a_contact_from_before_there_were_aliases_is_found_by_phone(cast: Cast) -> None:
    old = factories.make_contact(cast.acme, phone=PHONE)
    assert meet(cast, wa_id=OLD_WA_ID, lid=LID).id == old.id
    assert meet(cast, lid=LID).id == old.id


def test_sends_go_where_whatsapp_last_said(cast: Cast) -> None:
    meet(cast, phone=PHONE)
    assert meet(cast, wa_id=OLD_WA_ID).wa_id == OLD_WA_ID
    assert meet(cast, wa_id=WA_ID).wa_id == WA_ID
    assert meet(cast, phone=PHONE).wa_id == WA_ID  # a typed phone says nothing about it


def test_i7_names_are_stored_encrypted_and_found_by_blind_index(cast: Cast) -> None:
    meet(cast, wa_id=WA_ID, lid=LID)
    for row in ContactAlias.objects.values():
        assert LID not in str(row) and WA_ID not in str(row)
    assert str(ContactAlias.objects.get(kind="lid").value) == LID


def test_i6_the_same_person_at_two_clients_is_two_contacts(cast: Cast) -> None:
    ours = meet(cast, wa_id=WA_ID, lid=LID)
    theirs = find_or_create_contact(cast.globex.id, Person(wa_id=WA_ID, lid=LID))
    assert ours.id != theirs.id
    indexes = indexes_of_contacts([ours.id, theirs.id])
    assert indexes[ours.id].isdisjoint(indexes[theirs.id])


# --- in doubt --------------------------------------------------------------------------------------


def test_a_landline_and_a_mobile_with_one_match_key_stay_apart_and_staff_are_shown_both(cast: Cast) -> None:
    assert match_key(LANDLINE[1:]) == match_key(MOBILE[1:])
    landline, mobile = meet(cast, phone=LANDLINE), meet(cast, wa_id=MOBILE[1:])
    assert landline.id != mobile.id
    assert doubts() == {("same_match_key", frozenset([landline.id, mobile.id]))}
    # asking again asks staff nothing new
    assert {meet(cast, phone=LANDLINE).id, meet(cast, phone=MOBILE).id} == {landline.id, mobile.id}
    assert IdentityDoubt.objects.count() == 1


def test_a_lid_that_turns_up_with_another_phone_is_left_to_a_person(cast: Cast) -> None:
    old, new = meet(cast, wa_id=WA_ID, lid=LID), meet(cast, wa_id="5511987650001", lid=LID)
    assert old.id != new.id
    assert doubts() == {("same_lid", frozenset([old.id, new.id]))}
    assert meet(cast, lid=LID).id == old.id  # until somebody decides
    assert meet(cast, wa_id="5511987650001", lid=LID).id == new.id
    assert (old.phone, new.phone) == (PHONE, "+5511987650001")
    assert IdentityDoubt.objects.count() == 1


def test_a_lid_met_before_its_phone_leads_to_the_phone_s_contact_from_then_on(cast: Cast) -> None:
    by_lid, by_phone = meet(cast, lid=LID), meet(cast, phone=PHONE)
    assert by_lid.id != by_phone.id
    assert meet(cast, wa_id=WA_ID, lid=LID).id == by_phone.id
    assert meet(cast, lid=LID).id == by_phone.id
    assert doubts() == {("same_lid", frozenset([by_lid.id, by_phone.id]))}


# --- opt-outs follow the person ----------------------------------------------------------------------


def bar(cast: Cast, kind: str, value: str) -> None:
    Suppression.objects.create(
        client=cast.acme,
        channel=Channel.WHATSAPP,
        address_index=blind_index(cast.acme.id, kind, value),
        reason=OPTED_OUT,
    )


@pytest.mark.parametrize(("kind", "value"), [("phone", PHONE), ("lid", LID), ("wa_id", WA_ID)])
def test_who_opted_out_under_one_name_has_under_those_that_are_learnt(
    cast: Cast, kind: str, value: str
) -> None:
    bar(cast, kind, value)  # all that is left of somebody who was erased
    contact = meet(cast, **{kind: value})
    meet(cast, wa_id=WA_ID, lid=LID)
    barred = set(Suppression.objects.values_list("address_index", flat=True))
    assert indexes_of_contacts([contact.id])[contact.id] <= barred
    assert len(barred) == 3


def test_nobody_else_is_barred(cast: Cast) -> None:
    bar(cast, "phone", LANDLINE)
    meet(cast, phone=LANDLINE)
    other = meet(cast, phone=MOBILE)
    barred = set(Suppression.objects.values_list("address_index", flat=True))
    assert indexes_of_contacts([other.id])[other.id].isdisjoint(barred)


# --- whatever happens ------------------------------------------------------------------------------

WA_IDS = [WA_ID, OLD_WA_ID, LANDLINE[1:], MOBILE[1:], "999999999999"]
PEOPLE = st.builds(
    Person,
    wa_id=st.sampled_from([None, *WA_IDS]),
    lid=st.sampled_from([None, LID, "300000000000003"]),
    name=st.sampled_from([None, "Marina"]),
).filter(lambda person: bool(person.wa_id or person.lid))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(PEOPLE, min_size=1, max_size=8))
def test_no_order_of_meetings_splits_a_phone_or_shares_a_name(cast: Cast, people: list[Person]) -> None:
    Contact.objects.all().delete()
    for person in people:
        contact = find_or_create_contact(cast.acme.id, person)
        assert find_or_create_contact(cast.acme.id, person).id == contact.id
        assert contact.id in {known.id for known in find_contacts(cast.acme.id, person)}
    certain = list(ContactAlias.objects.exclude(kind="match").values_list("value_index", flat=True))
    assert len(certain) == len(set(certain))
    phones = [contact.phone for contact in Contact.objects.all() if contact.phone]
    assert len(phones) == len(set(phones))
