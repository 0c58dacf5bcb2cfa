"""A client's own database for agents: distributors, and whose orders are whose. Its login can see no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from integrations import providers
from integrations.models import Integration
from integrations.tests.databases import door, execute, owner_url
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.security.tests.peers import listening

SCHEMA = f"agentes_{os.getpid()}"
READER, PASSWORD = f"{SCHEMA}_leitor", "leitura-de-teste"
TABLES = ["distribuidores", "pedidos"]
MARINA, JOSE = "+5511987650001", "+5511987650002"
_TABLES = f"""
DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
        CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}' NOINHERIT;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {READER}', current_database());
END
$$;
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.distribuidores (id integer PRIMARY KEY, nome text, cidade text, uf text);
CREATE TABLE {SCHEMA}.pedidos (id integer PRIMARY KEY, telefone text, item text, valor numeric, dia date);
CREATE TABLE {SCHEMA}.segredos (id integer PRIMARY KEY, valor text);
INSERT INTO {SCHEMA}.distribuidores VALUES
    (1, 'Distribuidora Horizonte', 'Belo Horizonte', 'MG'), (2, 'Atacado São Jorge', 'São Paulo', 'SP'),
    (3, 'Comercial Ipê Amarelo', 'Goiânia', 'GO');
INSERT INTO {SCHEMA}.pedidos VALUES
    (1, '{MARINA}', 'cadeira', 350.00, '2026-11-02'), (2, '{MARINA}', 'mesa', 900.50, '2026-11-09'),
    (3, '{JOSE}', 'segredo-do-jose', 10.00, '2026-11-10');
INSERT INTO {SCHEMA}.segredos VALUES (1, 'valor-fechado');
GRANT USAGE ON SCHEMA {SCHEMA} TO {READER};
GRANT SELECT ON {SCHEMA}.distribuidores, {SCHEMA}.pedidos TO {READER};
"""


def prepare_orders() -> None:
    """The tables, fresh on every call."""
    execute(_TABLES)


def rows_of_database() -> list[Any]:
    """All that is in the tables."""
    return [execute(f"SELECT * FROM {SCHEMA}.{table} ORDER BY id") for table in (*TABLES, "segredos")]


@contextmanager
def connected(client: Client, **more: Any) -> Iterator[Integration]:
    """The client's Postgres, connected for as long as the block runs; `more`: further settings."""
    with listening(door()) as postgres:
        config = providers.get("postgres").settings.model_validate(
            {
                "host": "127.0.0.1",
                "port": postgres.port,
                "database": conninfo_to_dict(owner_url())["dbname"],
                "username": READER,
                "password": PASSWORD,
                "sslmode": "disable",
                "schema_name": SCHEMA,
                "allowed_tables": TABLES,
                **more,
            }
        )
        with service_scope(reason="test"):
            made = Integration.objects.create(
                client=client,
                type=Integration.Type.DATABASE,
                provider="postgres",
                name="Banco",
                status=Integration.Status.CONNECTED,
                config=config.model_dump(),
                webhook_key="test-database",
                webhook_key_index=f"test-database-{client.id.hex}",
            )
        yield made
