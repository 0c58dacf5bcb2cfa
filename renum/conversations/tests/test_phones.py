"""Phones as people, WhatsApp and we write them."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renum.conversations.errors import InvalidPhone
from renum.conversations.phones import normalize_phone, phone_from_jid, phone_index

MOBILE = "+5511999999999"

SPELLINGS = {
    # a mobile, as people type it
    "+5511999999999": MOBILE,
    "5511999999999": MOBILE,
    "11999999999": MOBILE,
    "(11) 99999-9999": MOBILE,
    "(11)99999-9999": MOBILE,
    "(11)999999999": MOBILE,
    "11 99999-9999": MOBILE,
    "11 9 9999-9999": MOBILE,
    "11-99999-9999": MOBILE,
    "11.99999.9999": MOBILE,
    "+55 11 99999-9999": MOBILE,
    "+55 (11) 99999-9999": MOBILE,
    "+55(11)999999999": MOBILE,
    "55 11 99999-9999": MOBILE,
    "55 (11) 9 9999-9999": MOBILE,
    "+55-11-99999-9999": MOBILE,
    "  +55 11 99999-9999  ": MOBILE,
    # with the trunk prefix that people still write
    "011999999999": MOBILE,
    "(011) 99999-9999": MOBILE,
    "+55 (011) 99999-9999": MOBILE,
    # WhatsApp ids of accounts from before the ninth digit
    "551187654321": "+5511987654321",
    "+551187654321": "+5511987654321",
    "+55 11 8765-4321": "+5511987654321",
    "555587654321": "+5555987654321",
    "556199998888": "+5561999998888",
    # area code 55 is not the country
    "55 99999-9999": "+5555999999999",
    "55999999999": "+5555999999999",
    "5555999999999": "+5555999999999",
    "5533334444": "+555533334444",
    # landlines get no ninth digit
    "1133334444": "+551133334444",
    "(11) 3333-4444": "+551133334444",
    "551133334444": "+551133334444",
    "+55 11 3333-4444": "+551133334444",
    "+55 21 2555-1234": "+552125551234",
    # foreign
    "+1 415 555 2671": "+14155552671",
    "+1 (415) 555-2671": "+14155552671",
    "+351 912 345 678": "+351912345678",
    "351912345678": "+351912345678",
    "+44 7911 123456": "+447911123456",
    "+54 9 11 2345-6789": "+5491123456789",
    "+595 981 123456": "+595981123456",
    "+49 1512 3456789": "+4915123456789",
}

REFUSED = [
    "",
    " ",
    "abc",
    "1",
    "190",
    "999999999",  # no area code
    "99999-9999",
    "3333-4444",
    "(00) 99999-9999",
    "+55 20 99999-9999",  # no such area
    "+55 11 99999-99999",
    "55119999999",
    "+55",
    "+",
    "++",
    "----------",
    "((((((((((",
    "0000000000",
    "+0000000000000",
    "+99912345678901",
    "+999999999999999",
    "1" * 25,
    "1" * 1000,
    "14155552671",  # a foreign number needs its plus, or more digits than ours have
    "11 99999-9999 ramal 3",
    "11999999999;ext=1",
    "tel:+5511999999999",
    "+5511999999999@s.whatsapp.net",
    "5511999999999,5511988888888",
    "+55 11 99999‑9999",  # not the hyphen of a keyboard
    "１１９９９９９９９９９",  # digits of other scripts
    "+５５11999999999",
    "١١٩٩٩٩٩٩٩٩٩",
    "+५५११९९९९९९९९९",
    "+55\x0011999999999",
    "+5511999999999\x00",
    "'; DROP TABLE contacts",
    "maria@example.com",
    "2026-11-22",
    "127.0.0.1",
]


@pytest.mark.parametrize(("typed", "expected"), SPELLINGS.items())
def test_a_phone_is_understood_however_it_is_typed(typed: str, expected: str) -> None:
    assert normalize_phone(typed) == expected


@pytest.mark.parametrize("expected", sorted(set(SPELLINGS.values())))
def test_a_normalised_phone_stays_as_it_is(expected: str) -> None:
    assert normalize_phone(expected) == expected
    assert normalize_phone(expected.removeprefix("+").rjust(12, "+")) == expected


@pytest.mark.parametrize("typed", REFUSED)
def test_what_is_no_phone_is_refused(typed: str) -> None:
    with pytest.raises(InvalidPhone):
        normalize_phone(typed)


@given(st.text(max_size=40))
def test_any_text_is_a_phone_or_is_refused(typed: str) -> None:
    try:
        phone = normalize_phone(typed)
    except InvalidPhone:
        return
    assert phone.startswith("+") and phone[1:].isascii() and phone[1:].isdigit()
    assert normalize_phone(phone) == phone


@given(
    area=st.sampled_from(["11", "21", "31", "41", "55", "61", "85", "99"]),
    number=st.integers(60_000_000, 99_999_999).map(str),
)
def test_with_and_without_the_ninth_digit_it_is_the_same_person(area: str, number: str) -> None:
    try:
        new = normalize_phone(f"+55{area}9{number}")
    except InvalidPhone:
        return
    assert normalize_phone(f"+55{area}{number}") == new
    assert normalize_phone(f"55{area}{number}") == new
    assert normalize_phone(f"({area}) 9{number[:4]}-{number[4:]}") == new


@pytest.mark.parametrize(
    ("jid", "digits"),
    [
        ("5511999999999@s.whatsapp.net", "5511999999999"),
        ("551187654321@s.whatsapp.net", "551187654321"),
        ("5511999999999:12@s.whatsapp.net", "5511999999999"),
        ("5511999999999@c.us", "5511999999999"),
        ("14155552671@s.whatsapp.net", "14155552671"),
    ],
)
def test_a_persons_whatsapp_id_gives_their_digits(jid: str, digits: str) -> None:
    assert phone_from_jid(jid) == digits


@pytest.mark.parametrize(
    "jid",
    [
        "",
        "123456789012345@lid",
        "123456789012345:3@lid",
        "120363042871234567@g.us",
        "5511999999999-1612345678@g.us",
        "status@broadcast",
        "5511999999999@broadcast",
        "120363042871234567@newsletter",
        "5511999999999",
        "+5511999999999@s.whatsapp.net",
        "@s.whatsapp.net",
        "5511999999999@",
        "5511999999999@s.whatsapp.net.evil.example",
        "5511999999999@sxwhatsappxnet",
        "x5511999999999@s.whatsapp.net",
        "5511999999999@s.whatsapp.net\n",
        "\n5511999999999@s.whatsapp.net",
        "5511 999999999@s.whatsapp.net",
        "maria@example.com",
        "５５11999999999@s.whatsapp.net",
        "٥٥11999999999@c.us",
    ],
)
def test_groups_lids_and_everything_else_give_none(jid: str) -> None:
    assert phone_from_jid(jid) is None


def test_i7_a_phone_is_found_under_its_own_client_only() -> None:
    acme, globex = uuid.UUID(int=1), uuid.UUID(int=2)
    assert phone_index(acme, MOBILE) == phone_index(acme, normalize_phone("(11) 99999-9999"))
    assert phone_index(acme, MOBILE) != phone_index(globex, MOBILE)
