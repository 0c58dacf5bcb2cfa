"""The login of SQL mode may read the allowed tables and do nothing else: anything more is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from rest_framework.test import APIClient

from integrations import errors, services
from integrations.providers.base import Rows
from integrations.tests.contracts import accepted, integrations_of, make_connection, post, refused
from integrations.tests.databases import ask
from integrations.tests.shops import DATABASE, LOGIN, Shop, admin_url, as_admin, open_shop
from tests.cast import Cast

SELECT = "SELECT nome FROM produtos WHERE id = 1"
CONFIGURE, STATUS = "/api/integrations/database/configure", "/api/integrations/database/status"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


def judged(shop: Shop, **more: Any) -> Any:
    (found,) = shop.ask(shop.settings(**more), [(SELECT, {})])
    return found


# What is given, what takes it back, and what the refusal names.
POWERS = [
    ("ALTER ROLE {login} SUPERUSER", "ALTER ROLE {login} NOSUPERUSER", "SUPERUSER"),
    ("ALTER ROLE {login} BYPASSRLS", "ALTER ROLE {login} NOBYPASSRLS", "BYPASSRLS"),
    ("ALTER ROLE {login} CREATEROLE", "ALTER ROLE {login} NOCREATEROLE", "CREATEROLE"),
    ("ALTER ROLE {login} CREATEDB", "ALTER ROLE {login} NOCREATEDB", "CREATEDB"),
    ("ALTER ROLE {login} REPLICATION", "ALTER ROLE {login} NOREPLICATION", "REPLICATION"),
    ("GRANT pg_read_all_data TO {login}", "REVOKE pg_read_all_data FROM {login}", "pg_read_all_data"),
    ("GRANT pg_read_server_files TO {login}", "REVOKE pg_read_server_files FROM {login}", "pg_read_server_files"),
    ("GRANT pg_execute_server_program TO {login}", "REVOKE pg_execute_server_program FROM {login}", "pg_execute_server_program"),
    ("GRANT pg_monitor TO {login}", "REVOKE pg_monitor FROM {login}", "pg_monitor"),
    ("CREATE TABLE dele (id integer); ALTER TABLE dele OWNER TO {login}", "DROP TABLE dele", "objetos"),
    ("CREATE FUNCTION dela() RETURNS integer LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION dela OWNER TO {login}", "DROP FUNCTION dela", "objetos"),
    ("GRANT SELECT ON segredos TO {login}", "REVOKE SELECT ON segredos FROM {login}", "public.segredos"),
    ("GRANT SELECT (nome) ON segredos TO {login}", "REVOKE SELECT (nome) ON segredos FROM {login}", "public.segredos"),
    ("GRANT SELECT ON cofre TO PUBLIC", "REVOKE SELECT ON cofre FROM PUBLIC", "public.cofre"),
    ("GRANT SELECT ON copia TO {login}", "REVOKE SELECT ON copia FROM {login}", "public.copia"),
    ("GRANT SELECT ON contador TO {login}", "REVOKE SELECT ON contador FROM {login}", "public.contador"),
    (
        "GRANT USAGE ON SCHEMA interno TO {login}; GRANT SELECT ON interno.clientes TO {login}",
        "REVOKE USAGE ON SCHEMA interno FROM {login}; REVOKE SELECT ON interno.clientes FROM {login}",
        "interno.clientes",
    ),
    ("GRANT SELECT ON pg_authid TO {login}", "REVOKE SELECT ON pg_authid FROM {login}", "pg_catalog.pg_authid"),
    ("GRANT INSERT ON produtos TO {login}", "REVOKE INSERT ON produtos FROM {login}", "public.produtos"),
    ("GRANT UPDATE (nome) ON produtos TO {login}", "REVOKE UPDATE (nome) ON produtos FROM {login}", "public.produtos"),
    ("GRANT DELETE ON segredos TO {login}", "REVOKE DELETE ON segredos FROM {login}", "public.segredos"),
    ("GRANT TRUNCATE ON vendas TO PUBLIC", "REVOKE TRUNCATE ON vendas FROM PUBLIC", "public.vendas"),
    ("GRANT USAGE ON contador TO {login}", "REVOKE USAGE ON contador FROM {login}", "public.contador"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "schema public"),
    ("GRANT CREATE ON SCHEMA interno TO {login}", "REVOKE CREATE ON SCHEMA interno FROM {login}", "schema interno"),
    ("GRANT CREATE ON DATABASE {db} TO {login}", "REVOKE CREATE ON DATABASE {db} FROM {login}", "database {db}"),
    ("GRANT EXECUTE ON FUNCTION revela() TO {login}", "REVOKE EXECUTE ON FUNCTION revela() FROM {login}", "public.revela"),
    ("GRANT EXECUTE ON PROCEDURE esvazia() TO PUBLIC", "REVOKE EXECUTE ON PROCEDURE esvazia() FROM PUBLIC", "public.esvazia"),
    ("CREATE FUNCTION nova() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::text'", "DROP FUNCTION nova", "public.nova"),
    (
        "CREATE FUNCTION interno.soma(text, integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::text'; "
        "CREATE AGGREGATE junta (integer) (SFUNC = interno.soma, STYPE = text)",
        "DROP AGGREGATE junta (integer); DROP FUNCTION interno.soma",
        "public.junta",
    ),
    (
        "CREATE FUNCTION interno.cast_(chave) RETURNS date LANGUAGE sql SECURITY DEFINER AS 'SELECT now()::date'; "
        "CREATE CAST (chave AS date) WITH FUNCTION interno.cast_(chave)",
        "DROP CAST (chave AS date); DROP FUNCTION interno.cast_",
        "interno.cast_",
    ),
    ("GRANT USAGE ON SCHEMA extensoes TO {login}", "REVOKE USAGE ON SCHEMA extensoes FROM {login}", "extensoes.dblink"),
    ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {login}", "REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM {login}", "pg_catalog.pg_read_file"),
    ("GRANT USAGE ON FOREIGN SERVER matriz TO {login}", "REVOKE USAGE ON FOREIGN SERVER matriz FROM {login}", "matriz"),
    (
        "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO {login}",
        "REVOKE USAGE ON FOREIGN DATA WRAPPER postgres_fdw FROM {login}",
        "postgres_fdw",
    ),
    ("GRANT SELECT ON LARGE OBJECT 990001 TO PUBLIC", "REVOKE SELECT ON LARGE OBJECT 990001 FROM PUBLIC", "objetos grandes"),
]  # fmt: skip


def test_the_documents_login_is_good_enough(shop: Shop) -> None:
    assert judged(shop) == Rows([{"nome": "Produto A"}])


@pytest.mark.parametrize(("give", "take", "named"), POWERS, ids=[give[:50] for give, _, _ in POWERS])
def test_a_login_that_may_do_more_is_not_used(shop: Shop, give: str, take: str, named: str) -> None:
    words = {"login": LOGIN, "db": DATABASE}
    as_admin(give.format(**words))
    try:
        error = judged(shop)
    finally:
        as_admin(take.format(**words))
    assert (type(error), error.code) == (errors.Misconfigured, "SQL_ROLE_TOO_POWERFUL")
    assert named.format(**words) in error.message and error.message.endswith(".")
    assert judged(shop) == Rows([{"nome": "Produto A"}])  # and nothing else was in its way


@pytest.mark.parametrize(
    ("give", "take"),
    [
        ("CREATE FUNCTION pura(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1'", "DROP FUNCTION pura"),
        ("CREATE FUNCTION gatilho() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'", "DROP FUNCTION gatilho"),
        ("CREATE TYPE faixa AS RANGE (SUBTYPE = float8)", "DROP TYPE faixa"),
        ("CREATE AGGREGATE soma (integer) (SFUNC = int4pl, STYPE = integer)", "DROP AGGREGATE soma (integer)"),
        ("CREATE EXTENSION citext SCHEMA public", "DROP EXTENSION citext"),
        ("CREATE FUNCTION interno.nova() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::text'", "DROP FUNCTION interno.nova"),
        ("GRANT SELECT ON interno.clientes TO PUBLIC", "REVOKE SELECT ON interno.clientes FROM PUBLIC"),
        ("GRANT TEMPORARY ON DATABASE {db} TO PUBLIC", "SELECT 1"),
        ("GRANT {login} TO CURRENT_USER", "REVOKE {login} FROM CURRENT_USER"),
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_is_harmless_or_out_of_reach_is_not_in_the_way(shop: Shop, give: str, take: str) -> None:
    words = {"login": LOGIN, "db": DATABASE}
    as_admin(give.format(**words))
    try:
        assert judged(shop) == Rows([{"nome": "Produto A"}])
    finally:
        as_admin(take.format(**words))


def test_a_table_that_leaves_the_list_is_too_much_at_once(shop: Shop) -> None:
    error = judged(shop, allowed_tables=["produtos"])
    assert error.code == "SQL_ROLE_TOO_POWERFUL"
    assert "public.distribuidores, public.vendas" in error.message


def test_a_long_list_of_powers_is_cut(shop: Shop) -> None:
    own = conninfo_to_dict(admin_url())
    error = judged(shop, username=own["user"], password="none")
    assert error.code == "SQL_ROLE_TOO_POWERFUL" and "SUPERUSER" in error.message
    assert len(error.message) < 1500 and " e mais " in error.message


def test_everybody_else_keeps_what_the_script_took_from_public(shop: Shop) -> None:
    somebody = "renum_app"
    held = as_admin(
        f"SELECT has_table_privilege('{somebody}', 'aberta', 'SELECT'), has_function_privilege('{somebody}', "
        f"'revela()', 'EXECUTE'), has_table_privilege('{LOGIN}', 'aberta', 'SELECT')"
    )
    assert held == [(True, True, False)]


# --- the check of a connection --------------------------------------------------------------------


def test_the_check_judges_the_login_only_with_sql_mode_on(shop: Shop) -> None:
    few = {"allowed_tables": ["produtos"]}
    assert ask("postgres", shop.settings(**few, sql_mode=False), lambda provider: provider.check()).connected
    with pytest.raises(errors.Misconfigured) as raised:
        ask("postgres", shop.settings(**few), lambda provider: provider.check())
    assert raised.value.code == "SQL_ROLE_TOO_POWERFUL"
    assert ask("postgres", shop.settings(), lambda provider: provider.check()).connected


def body_of(shop: Shop, **more: Any) -> dict[str, Any]:
    values = shop.settings(**more).model_dump()
    return {**values, "password": values["password"].get_secret_value(), "provider": "postgres"}


def test_who_configures_it_is_told_and_nothing_is_saved(
    committed_cast: Cast, api: Callable[..., APIClient], shop: Shop
) -> None:
    alice = api(committed_cast.alice)
    answer = refused(
        post(alice, CONFIGURE, body_of(shop, allowed_tables=["vendas"])), 409, "SQL_ROLE_TOO_POWERFUL"
    )
    assert "public.produtos" in answer["error"]
    assert integrations_of(committed_cast.acme) == []
    accepted(post(alice, CONFIGURE, body_of(shop)))
    status = accepted(alice.get(STATUS))
    assert (status["sql_mode"], status["read_only"], status["status"]) == (True, True, "connected")
    (saved,) = integrations_of(committed_cast.acme)
    shown = accepted(alice.get(f"/api/integrations/{saved.id}"))["integration"]["settings"]
    assert shown["sql_mode"] is True and shown["password"] is True
    accepted(post(alice, CONFIGURE, body_of(shop, sql_mode=False)))
    assert accepted(alice.get(STATUS))["sql_mode"] is False


def test_a_read_says_what_is_too_much(cast: Cast, shop: Shop) -> None:
    values = {
        name: value for name, value in body_of(shop, allowed_tables=["vendas"]).items() if name != "provider"
    }
    integration = make_connection(cast.acme, "postgres", values)
    with pytest.raises(errors.SqlRoleTooPowerful) as raised:
        services.read_sql(integration, "SELECT id FROM vendas")
    assert raised.value.code == "SQL_ROLE_TOO_POWERFUL" and "public.produtos" in str(raised.value)
