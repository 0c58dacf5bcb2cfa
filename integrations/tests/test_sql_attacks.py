"""SQL mode under attack: each of its two layers does alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from integrations import errors
from integrations.providers.postgres.client import PostgresClient
from integrations.tests.shops import (
    DATABASE,
    LOGIN,
    PASSWORD,
    Shop,
    admin_url,
    leaks,
    open_shop,
    snapshot,
    url_of,
)
from integrations.tests.sql_attacks import ATTACKS, LOOKUPS, OTHERS, READS, XML, Attack

PARSERS = {"SQL_NOT_ALLOWED", "TABLE_NOT_ALLOWED"}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role wide open: nobody looks at what the login may do."""
    monkeypatch.setattr("integrations.providers.postgres.client.require_harmless", lambda excess: None)


def texts(attacks: list[Attack]) -> list[str]:
    return [attack.sql.replace("{db}", DATABASE) for attack in attacks]


def test_there_are_enough_attacks_and_no_two_are_the_same() -> None:
    assert len(ATTACKS) >= 150 and len(LOOKUPS) >= 40
    everything = [*ATTACKS, *LOOKUPS]
    assert len({attack.name for attack in everything}) == len(everything)
    assert len({attack.sql for attack in everything}) == len(everything)


def test_the_parser_alone_refuses_them_with_the_role_wide_open(
    shop: Shop, unjudged: None, subtests: pytest.Subtests
) -> None:
    before = snapshot()
    heard = len(shop.peer.heard)
    attacks = [*ATTACKS, *LOOKUPS]
    found = shop.ask(shop.wide_open(), [(sql, {}) for sql in texts(attacks)])
    for attack, answer in zip(attacks, found, strict=True):
        with subtests.test(attack=attack.name):
            assert type(answer) is errors.Rejected and answer.code in PARSERS, answer
            assert not leaks(answer.message) and answer.__cause__ is None
    assert len(shop.peer.heard) == heard  # nobody was asked
    assert snapshot() == before


def test_control_with_the_role_wide_open_the_reads_bring_the_secret(
    shop: Shop, unjudged: None, subtests: pytest.Subtests
) -> None:
    has_xml = isinstance(shop.run(shop.wide_open(), ["SELECT xmlelement(NAME a)::text AS v"])[0], list)
    attacks = [*READS, *XML] if has_xml else READS
    for attack, answer in zip(attacks, shop.run(shop.wide_open(), texts(attacks)), strict=True):
        with subtests.test(attack=attack.name):
            assert leaks(answer)


def test_the_role_alone_refuses_them_without_the_parser(shop: Shop, subtests: pytest.Subtests) -> None:
    before = snapshot()
    for attack, answer in zip(ATTACKS, shop.run(shop.settings(), texts(ATTACKS)), strict=True):
        with subtests.test(attack=attack.name):
            assert isinstance(answer, errors.ProviderError), answer
            assert answer.code != "SQL_ROLE_TOO_POWERFUL"
            assert not leaks(answer.message) and answer.__cause__ is None
    assert snapshot() == before


def test_what_any_login_may_look_up_brings_no_secret_and_changes_nothing(
    shop: Shop, subtests: pytest.Subtests
) -> None:
    before = snapshot()
    for attack, answer in zip(LOOKUPS, shop.run(shop.settings(), texts(LOOKUPS)), strict=True):
        with subtests.test(attack=attack.name):
            # Without libxml its functions fail as soon as they have read.
            assert isinstance(answer, list) or attack.name.startswith("XML"), answer
            assert not leaks(answer)
    assert snapshot() == before


def test_even_bare_and_without_the_wrapping_they_change_and_bring_nothing(
    shop: Shop, subtests: pytest.Subtests
) -> None:
    before = snapshot()
    login = make_conninfo(url_of(admin_url()), user=LOGIN, password=PASSWORD)
    options = "-c default_transaction_read_only=on -c statement_timeout=300"
    attacks = [*READS, *XML, *OTHERS]
    for attack, text in zip(attacks, texts(attacks), strict=True):
        with subtests.test(attack=attack.name), psycopg.connect(login, options=options) as connection:
            connection.read_only = True
            assert not leaks(_bare(connection, text))
            connection.close()
    assert snapshot() == before


def _bare(connection: psycopg.Connection[Any], text: str) -> Any:
    """The statement by itself, by the extended protocol."""
    try:
        cursor = connection.execute(text.encode(), binary=True)
        return cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        return error


def test_no_statement_goes_by_the_protocol_that_carries_several(shop: Shop) -> None:
    with pytest.raises(ValueError):
        PostgresClient(shop.settings()).read_sql("SELECT 1; SELECT 2", []).send(None)
