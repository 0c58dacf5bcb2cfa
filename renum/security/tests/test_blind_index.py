"""Blind indexes find a value among one client's, and tell nothing else."""

from __future__ import annotations

import uuid

import pytest

from renum.security import blind_index as module
from renum.security.blind_index import HEX_LENGTH, blind_index

ACME, GLOBEX = uuid.UUID(int=1), uuid.UUID(int=2)
PHONE = "+5511999999999"


def test_i7_an_index_is_stable_and_fits_its_column() -> None:
    assert blind_index(ACME, "phone", PHONE) == blind_index(uuid.UUID(str(ACME)), "phone", PHONE)
    assert len(blind_index(ACME, "phone", PHONE)) == HEX_LENGTH


def test_i7_equal_values_of_two_clients_do_not_show() -> None:
    scopes = (ACME, GLOBEX, None)
    assert len({blind_index(scope, "phone", PHONE) for scope in scopes}) == 3


def test_i7_kinds_do_not_mix() -> None:
    assert blind_index(ACME, "phone", PHONE) != blind_index(ACME, "email", PHONE)


@pytest.mark.parametrize("other", ["+5511999999998", "5511999999999", "", "+5511999999999 "])
def test_i7_other_values_have_other_indexes(other: str) -> None:
    assert blind_index(ACME, "phone", other) != blind_index(ACME, "phone", PHONE)


def test_i7_an_index_cannot_be_made_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = blind_index(ACME, "phone", PHONE)
    monkeypatch.setattr(module, "blind_index_key", lambda: b"g" * 32)
    assert blind_index(ACME, "phone", PHONE) != ours


def test_i7_an_index_does_not_contain_the_value() -> None:
    assert "999999999" not in blind_index(ACME, "phone", PHONE)
