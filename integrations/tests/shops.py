"""A client's database for SQL mode: three tables that may be read, and around them what must stay hidden."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from integrations import errors
from integrations.providers.postgres.client import PostgresClient
from integrations.providers.postgres.config import PostgresSettings
from integrations.providers.postgres.provider import PostgresProvider
from integrations.providers.postgres.queries import compose_sql
from integrations.tests.databases import door, owner_url
from renum.security.tests.peers import Peer, listening
from tests.servers import ADMIN_URL

TABLES = ("distribuidores", "produtos", "vendas")
CANARY = "CANARIO-7F3A"
DATABASE = f"renum_loja_{os.getpid()}"
LOGIN = f"renum_leitura_{os.getpid()}"
PASSWORD = "troque-esta-senha"  # the document's
STATEMENT_SECONDS = 0.3

_OWNERS = f"""
CREATE TABLE distribuidores (id integer PRIMARY KEY, nome text NOT NULL, uf char(2), ativo boolean, desde date);
CREATE TABLE produtos (id integer PRIMARY KEY, nome text NOT NULL, categoria text, preco numeric(10, 2),
    estoque integer, detalhes jsonb, etiquetas text[]);
CREATE TABLE vendas (id integer PRIMARY KEY, produto_id integer REFERENCES produtos,
    distribuidor_id integer REFERENCES distribuidores, quantidade integer, total numeric(12, 2),
    vendida_em timestamptz, observacao text);
INSERT INTO distribuidores SELECT n, (ARRAY['Horizonte', 'São Jorge', 'Ipê', 'D''Ávila', 'Rio Negro'])[n],
    (ARRAY['MG', 'SP', 'GO', 'RS', 'AM'])[n], n <> 4, date '2020-01-15' + n * 100 FROM generate_series(1, 5) n;
INSERT INTO produtos SELECT n, 'Produto ' || chr(64 + n), CASE n % 3 WHEN 0 THEN 'bebidas' WHEN 1 THEN 'mercearia' END,
    n * 3.75, n * 10 % 70, jsonb_build_object('peso', n, 'cor', CASE n % 2 WHEN 0 THEN 'azul' END),
    ARRAY['e' || n, 'todos'] FROM generate_series(1, 12) n;
INSERT INTO vendas SELECT n, 1 + n % 12, 1 + n % 5, 1 + n % 7, (1 + n % 7) * 3.75 * (1 + n % 12),
    timestamptz '2026-01-05 12:00+00' + n * interval '17 hours', CASE n % 4 WHEN 0 THEN 'pela manhã' END
    FROM generate_series(1, 250) n;
CREATE TABLE segredos (id integer PRIMARY KEY, nome text, valor text);
INSERT INTO segredos VALUES (1, 'cofre', '{CANARY}');
CREATE TABLE herdeiros () INHERITS (segredos);
CREATE VIEW cofre AS SELECT * FROM segredos;
CREATE MATERIALIZED VIEW copia AS SELECT * FROM segredos;
CREATE VIEW aberta AS SELECT valor FROM segredos;
GRANT SELECT ON aberta TO PUBLIC;
CREATE SEQUENCE contador;
CREATE SCHEMA interno;
CREATE TABLE interno.clientes (id integer, valor text);
INSERT INTO interno.clientes VALUES (1, '{CANARY}');
CREATE FUNCTION revela() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT valor FROM public.segredos LIMIT 1';
CREATE FUNCTION revela_de(produtos) RETURNS text LANGUAGE sql SECURITY DEFINER
    AS 'SELECT valor FROM public.segredos LIMIT 1';
CREATE FUNCTION apaga() RETURNS integer LANGUAGE sql SECURITY DEFINER
    AS 'DELETE FROM public.segredos RETURNING 1';
CREATE PROCEDURE esvazia() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.segredos';
CREATE FUNCTION executa(text) RETURNS text LANGUAGE plpgsql AS
    $$ DECLARE found text; BEGIN EXECUTE $1 INTO found; RETURN found; END $$;
CREATE FUNCTION upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'SOMBRA' $$;
CREATE FUNCTION compara(integer, integer) RETURNS text LANGUAGE sql SECURITY DEFINER
    AS 'SELECT valor FROM public.segredos LIMIT 1';
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = compara);
CREATE TYPE chave AS (id integer);
CREATE FUNCTION abre(chave) RETURNS text LANGUAGE sql SECURITY DEFINER
    AS 'SELECT valor FROM public.segredos LIMIT 1';
CREATE CAST (chave AS text) WITH FUNCTION abre(chave);
SELECT lo_from_bytea(990001, '{CANARY}');
"""
_ADMINISTRATORS = """
CREATE SCHEMA extensoes;
CREATE EXTENSION dblink SCHEMA extensoes;
CREATE EXTENSION postgres_fdw SCHEMA extensoes;
CREATE SERVER matriz FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
CREATE USER MAPPING FOR PUBLIC SERVER matriz OPTIONS (user 'matriz', password 'CANARIO-7F3A');
"""
_SNAPSHOT = """
SELECT (SELECT array_agg(md5(t::text) ORDER BY t::text) FROM segredos t),
    (SELECT array_agg(md5(t::text) ORDER BY t::text) FROM interno.clientes t),
    (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM produtos t),
    (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM vendas t),
    (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM distribuidores t),
    (SELECT last_value::text || is_called FROM contador),
    (SELECT md5(string_agg(format('%s %s %s', oid, relname, relacl), '' ORDER BY oid)) FROM pg_class
        WHERE relkind <> 'i' AND relnamespace::regnamespace::text NOT LIKE 'pg_toast%'),
    (SELECT md5(string_agg(format('%s %s', oid, proacl), '' ORDER BY oid)) FROM pg_proc),
    (SELECT md5(string_agg(format('%s %s', oid, nspacl), '' ORDER BY oid)) FROM pg_namespace
        WHERE nspname NOT LIKE 'pg_t%'),
    (SELECT md5(string_agg(r::text, '' ORDER BY oid)) FROM pg_authid r),
    (SELECT md5(string_agg(m::text, '' ORDER BY m::text)) FROM pg_auth_members m),
    (SELECT md5(string_agg(loid || data::text, '' ORDER BY loid, pageno)) FROM pg_largeobject),
    (SELECT array_agg(datname ORDER BY datname) FROM pg_database),
    (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_db_role_setting)
"""


def script() -> str:
    """The document's own, for a login of this process."""
    page = (settings.BASE_DIR / "docs" / "database.md").read_text()
    (found,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    return str(found).replace("renum_leitura", LOGIN)


def url_of(role_url: str) -> str:
    return make_conninfo(role_url, dbname=DATABASE)


def admin_url() -> str:
    return os.environ.get(ADMIN_URL) or owner_url()


def as_admin(statement: str) -> list[Any]:
    """Run SQL in the shop as a superuser, committed."""
    with psycopg.connect(url_of(admin_url()), autocommit=True) as admin:
        cursor = admin.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def leaks(answer: Any) -> bool:
    """Tell whether the secret is in an answer, in whatever letters."""
    return CANARY.lower() in str(answer).lower()


def snapshot() -> list[Any]:
    """All that an attack could have changed."""
    return as_admin(_SNAPSHOT)


class Shop(NamedTuple):
    """Where the database is."""

    peer: Peer

    def settings(self, **more: Any) -> PostgresSettings:
        """Of the login that the document's script made."""
        return PostgresSettings.model_validate(
            {
                "host": "127.0.0.1",
                "port": self.peer.port,
                "database": DATABASE,
                "username": LOGIN,
                "password": PASSWORD,
                "sslmode": "disable",
                "allowed_tables": TABLES,
                "sql_mode": True,
                **more,
            }
        )

    def wide_open(self) -> PostgresSettings:
        """Of a superuser."""
        own = conninfo_to_dict(admin_url())
        return self.settings(username=own["user"], password=own.get("password") or "none")

    def run(self, config: PostgresSettings, statements: Sequence[str]) -> list[Any]:
        """What each raw text brings in the way SQL mode runs what it accepted, or how it fails."""
        client = PostgresClient(config, statement_seconds=STATEMENT_SECONDS)

        async def every() -> list[Any]:
            gate = asyncio.Semaphore(4)

            async def one(statement: str) -> Any:
                async with gate:
                    try:
                        return await client.read_sql(compose_sql(statement, 0), [201, 2**19])
                    except errors.ProviderError as error:
                        return error

            return list(await asyncio.gather(*map(one, statements)))

        return asyncio.run(every())

    def ask(self, config: PostgresSettings, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
        """What SQL mode answers to each, or how it refuses."""
        provider = PostgresProvider(config, PostgresClient(config))

        async def one(statement: str, parameters: dict[str, Any]) -> Any:
            try:
                return await provider.select_sql(statement, parameters)
            except errors.ProviderError as error:
                return error

        async def every() -> list[Any]:
            return [await one(statement, parameters) for statement, parameters in asked]

        return asyncio.run(every())


@contextmanager
def open_shop() -> Iterator[Shop]:
    """The database and its login, both gone afterwards."""
    owner = conninfo_to_dict(owner_url())["user"]
    with psycopg.connect(admin_url(), autocommit=True) as admin:
        if (
            admin.execute("SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper").fetchone()
            is None
        ):
            pytest.skip("needs a server on which the suite is a superuser")
        name = sql.Identifier(DATABASE)
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(str(owner))))
        try:
            as_admin(_ADMINISTRATORS)
            for text in (_OWNERS, script()):
                with psycopg.connect(url_of(owner_url()), autocommit=True) as by_owner:
                    by_owner.execute(text.encode())
            with listening(door()) as peer:
                yield Shop(peer)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(LOGIN)))
