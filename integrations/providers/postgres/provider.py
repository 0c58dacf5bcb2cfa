"""Our verbs over a client's Postgres."""

from __future__ import annotations

from itertools import groupby

import httpx

from integrations import errors
from integrations.providers.base import (
    Column,
    DatabaseProvider,
    Health,
    ProviderSpec,
    Rows,
    Select,
    Table,
)
from integrations.providers.postgres.client import PostgresClient
from integrations.providers.postgres.config import PostgresSettings
from integrations.providers.postgres.queries import DECLARED, LIST, compose
from integrations.providers.tables import (
    as_rows,
    capped,
    check_query,
    describe_failures,
    is_plain,
    parse_json,
    row_limit,
)


class PostgresProvider:
    def __init__(self, config: PostgresSettings, client: PostgresClient):
        self._config = config
        self._client = client

    async def aclose(self) -> None:
        """Nothing is held open: each read has a connection of its own."""

    async def check(self) -> Health:
        """Connected if a transaction can be run; `detail` names the declared tables that cannot be read."""
        declared = self._config.allowed_tables
        found = await self._client.read(DECLARED, [self._config.schema_name, list(declared)])
        readable = {row[0]: row[1] == "true" for row in found}
        reasons = {
            name: "sem permissão" if name in readable else "não encontrada"
            for name in declared
            if not readable.get(name)
        }
        return Health(connected=True, detail=describe_failures(reasons))

    async def list_tables(self) -> list[Table]:
        """Tables and views of the schema, with the columns that this user may read."""
        found = await self._client.read(LIST, [self._config.schema_name])
        return [
            Table(name, tuple(Column(str(column), str(kind)) for _, column, kind in rows))
            for name, rows in groupby(found, key=lambda row: row[0] or "")
            if is_plain(name)
        ]

    async def select(self, query: Select) -> Rows:
        check_query(query, self._config.allowed_tables)
        limit = row_limit(query)
        statement, params = compose(query, self._config.schema_name, limit + 1)
        lines = [row[0] for row in await self._client.read(statement, params)]
        whole = [line for line in lines if line is not None]
        if lines and not whole:
            raise errors.Rejected("O registro é grande demais. Peça menos colunas.", code="RESULT_TOO_LARGE")
        rows = as_rows([parse_json(line) for line in whole])
        return capped(rows, limit, more=len(whole) < len(lines))


def open_provider(config: PostgresSettings, http: httpx.AsyncClient) -> DatabaseProvider:
    return PostgresProvider(config, PostgresClient(config))


SPEC = ProviderSpec(
    kind="postgres",
    title="PostgreSQL",
    integration_type="database",
    settings=PostgresSettings,
    open=open_provider,
    host_fields=("host",),
)
