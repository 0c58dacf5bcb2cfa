"""Envelopes: nothing but the untouched original opens, and keys can be rotated."""

from __future__ import annotations

import base64
import os
import random

import pytest
from django.core.exceptions import ImproperlyConfigured

from renum.environment import decode_key
from renum.security import keys
from renum.security.crypto import DecryptionFailed, Keyring, key_id

OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
PLACE = b"client\x1ftable\x1fcolumn\x1frow"
TEXT = "mensagem com ç, emoji 🦜 e \x00".encode()


def _flip(envelope: bytes, dice: random.Random) -> bytes:
    position = dice.randrange(len(envelope))
    return (
        envelope[:position]
        + bytes([envelope[position] ^ (1 << dice.randrange(8))])
        + envelope[position + 1 :]
    )


def _cut(envelope: bytes, dice: random.Random) -> bytes:
    return envelope[: dice.randrange(len(envelope))]


def _behead(envelope: bytes, dice: random.Random) -> bytes:
    return envelope[dice.randrange(1, len(envelope)) :]


def _grow(envelope: bytes, dice: random.Random) -> bytes:
    return envelope + dice.randbytes(dice.randrange(1, 40))


def _insert(envelope: bytes, dice: random.Random) -> bytes:
    position = dice.randrange(len(envelope))
    return envelope[:position] + dice.randbytes(1) + envelope[position:]


def _scramble(envelope: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(envelope) - 4)
    return envelope[:start] + dice.randbytes(4) + envelope[start + 4 :]


def test_i7_two_thousand_mutated_ciphertexts_give_two_thousand_errors() -> None:
    dice = random.Random(20_260_801)
    keyring = Keyring([NEW, OLD])
    mutations = (_flip, _cut, _behead, _grow, _insert, _scramble)
    refused = 0
    while refused < 2_000:
        original = keyring.encrypt(TEXT, PLACE)
        mutated = dice.choice(mutations)(original, dice)
        if mutated == original:
            continue
        with pytest.raises(DecryptionFailed):
            keyring.decrypt(mutated, PLACE)
        refused += 1


def test_i7_every_single_bit_of_an_envelope_counts() -> None:
    keyring = Keyring([NEW])
    original = keyring.encrypt(b"x", PLACE)
    for bit in range(len(original) * 8):
        mutated = bytearray(original)
        mutated[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(DecryptionFailed):
            keyring.decrypt(bytes(mutated), PLACE)


def test_i7_parts_of_two_envelopes_do_not_make_a_third() -> None:
    keyring = Keyring([NEW])
    first, second = keyring.encrypt(b"first!", PLACE), keyring.encrypt(b"second", PLACE)
    mixed = {first[:cut] + second[cut:] for cut in range(len(first))} - {first, second}
    assert len(mixed) > 20
    for envelope in mixed:
        with pytest.raises(DecryptionFailed):
            keyring.decrypt(envelope, PLACE)


@pytest.mark.parametrize("plaintext", [b"", b"x", TEXT, os.urandom(70_000)], ids=len)
def test_i7_what_was_sealed_opens_in_its_place(plaintext: bytes) -> None:
    keyring = Keyring([NEW])
    assert keyring.decrypt(keyring.encrypt(plaintext, PLACE), PLACE) == plaintext


@pytest.mark.parametrize("elsewhere", [b"", PLACE[:-1], PLACE + b"x", PLACE.upper(), b"\x01" + PLACE])
def test_i7_another_place_does_not_open(elsewhere: bytes) -> None:
    keyring = Keyring([NEW])
    with pytest.raises(DecryptionFailed):
        keyring.decrypt(keyring.encrypt(TEXT, PLACE), elsewhere)


def test_i7_a_wrong_key_does_not_open() -> None:
    with pytest.raises(DecryptionFailed):
        Keyring([OTHER]).decrypt(Keyring([NEW]).encrypt(TEXT, PLACE), PLACE)


def test_i7_a_wrong_key_under_the_right_key_id_does_not_open() -> None:
    envelope = Keyring([NEW]).encrypt(TEXT, PLACE)
    relabelled = envelope[:1] + key_id(OTHER) + envelope[5:]
    with pytest.raises(DecryptionFailed):
        Keyring([NEW, OTHER]).decrypt(relabelled, PLACE)


def test_i7_a_retired_key_still_reads_and_is_not_current() -> None:
    envelope = Keyring([OLD]).encrypt(TEXT, PLACE)
    rotated = Keyring([NEW, OLD])
    assert rotated.decrypt(envelope, PLACE) == TEXT
    assert not rotated.is_current(envelope)
    assert rotated.is_current(rotated.encrypt(TEXT, PLACE))


def test_i7_a_key_that_was_dropped_reads_no_more() -> None:
    envelope = Keyring([OLD]).encrypt(TEXT, PLACE)
    with pytest.raises(DecryptionFailed):
        Keyring([NEW]).decrypt(envelope, PLACE)


@pytest.mark.parametrize("version", [0, 2, 127, 255])
def test_i7_an_unknown_version_is_refused_and_not_current(version: int) -> None:
    keyring = Keyring([NEW])
    envelope = bytes([version]) + keyring.encrypt(TEXT, PLACE)[1:]
    with pytest.raises(DecryptionFailed):
        keyring.decrypt(envelope, PLACE)
    assert not keyring.is_current(envelope)


@pytest.mark.parametrize("envelope", [b"", b"\x01", b"\x01" * 5, b"\x01" + key_id(NEW), b"\x00" * 400])
def test_i7_what_is_no_envelope_is_refused(envelope: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        Keyring([NEW]).decrypt(envelope, PLACE)


def test_i7_the_same_text_never_looks_the_same() -> None:
    keyring = Keyring([NEW])
    assert len({keyring.encrypt(TEXT, PLACE) for _ in range(1_000)}) == 1_000


def test_i7_an_envelope_and_its_errors_do_not_show_the_text() -> None:
    keyring = Keyring([NEW])
    envelope = keyring.encrypt(b"+5511999999999", PLACE)
    assert b"5511999999999" not in envelope
    with pytest.raises(DecryptionFailed) as caught:
        keyring.decrypt(envelope, b"elsewhere")
    assert "5511" not in repr(caught.value)


def test_a_keyring_needs_a_key() -> None:
    with pytest.raises(ValueError, match="ENCRYPTION_KEY"):
        Keyring([])


def test_the_process_refuses_to_encrypt_without_a_key(settings) -> None:
    from pydantic import SecretStr

    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"encryption_key": SecretStr("")})
    keys.keyring.cache_clear()
    try:
        with pytest.raises(ImproperlyConfigured):
            keys.keyring()
    finally:
        keys.keyring.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        base64.b64encode(b"k" * 16).decode(),
        base64.b64encode(b"k" * 31).decode(),
        base64.b64encode(b"k" * 33).decode(),
        base64.b64encode(b"k" * 32).decode()[:-1],
        base64.b64encode(b"k" * 32).decode() + "!",
        "k" * 32,
        "é" * 43 + "=",
    ],
)
def test_a_key_that_is_not_base64_of_32_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_key(text)


def test_a_key_may_be_written_in_either_base64_alphabet() -> None:
    key = b"\xfb\xff" * 16
    assert (
        decode_key(base64.b64encode(key).decode())
        == decode_key(base64.urlsafe_b64encode(key).decode())
        == key
    )
