"""Brazilian (and other) phone numbers as people, WhatsApp and we write them."""

from __future__ import annotations

import re
from uuid import UUID

import phonenumbers

from renum.conversations.errors import InvalidPhone
from renum.security.blind_index import blind_index

_JID = re.compile(r"(?P<digits>\d+)(:\d+)?@(s\.whatsapp\.net|c\.us)", re.ASCII)
# Older WhatsApp accounts lack the ninth digit: 55, area code, eight digits of which the first is 6–9.
_WITHOUT_NINTH = re.compile(r"55(?P<area>[1-9]\d)(?P<number>[6-9]\d{7})")
_LID = re.compile(r"(?P<digits>\d{6,20})(:\d+)?@lid", re.ASCII)
_BRAZILIAN = re.compile(r"55(?P<area>[1-9]\d)9?(?P<number>\d{8})", re.ASCII)
_ALLOWED = re.compile(r"[\d\s().+-]{8,25}", re.ASCII)


def normalize_phone(text: str) -> str:
    """Return the E.164 form of a typed phone, with the ninth digit; raises `InvalidPhone`.

    Brazil is assumed without a country code. An area code is required.
    """
    text = text.strip()
    if not _ALLOWED.fullmatch(text):
        raise InvalidPhone
    digits = re.sub(r"\D", "", text)
    if not text.startswith("+") and re.fullmatch(r"0(?!800)\d{10,11}", digits):
        text = digits = digits[1:]  # the trunk prefix
    candidate = f"+{digits}" if text.startswith("+") or len(digits) > 11 else text
    old = _WITHOUT_NINTH.fullmatch(digits) if candidate.startswith("+") else None
    if old:
        candidate = f"+55{old['area']}9{old['number']}"
    try:
        number = phonenumbers.parse(candidate, "BR")
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone from error
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_from_jid(jid: str) -> str | None:
    """Return the digits of a person's WhatsApp id; None for groups, LIDs, newsletters and broadcasts."""
    match = _JID.fullmatch(jid)
    return match["digits"] if match else None


def lid_from_jid(jid: str) -> str | None:
    """Return the digits of a LID, WhatsApp's privacy id, which is never a phone; None for anything else."""
    match = _LID.fullmatch(jid)
    return match["digits"] if match else None


def match_key(digits: str) -> str | None:
    """Area code and last eight digits of a Brazilian number, with or without the ninth; else None."""
    match = _BRAZILIAN.fullmatch(digits)
    return f"{match['area']}{match['number']}" if match else None


def phone_index(client_id: UUID, phone: str) -> str:
    """The blind index of an E.164 phone among the client's."""
    return blind_index(client_id, "phone", phone)
