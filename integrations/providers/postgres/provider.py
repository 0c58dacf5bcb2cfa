"""Our verbs over a client's Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import httpx

from integrations import errors
from integrations.providers.base import (
    Column,
    Health,
    ProviderSpec,
    Rows,
    Select,
    SqlProvider,
    Table,
)
from integrations.providers.postgres.client import PostgresClient
from integrations.providers.postgres.config import PostgresSettings
from integrations.providers.postgres.queries import DECLARED, LIST, compose, compose_sql
from integrations.providers.postgres.statements import Statement, parse
from integrations.providers.tables import (
    MAX_BYTES,
    MAX_ROWS,
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
        """Connected if a transaction can be run; `detail` names the declared tables that cannot be read.

        With SQL mode on, raises `Misconfigured` for a login that may do more than read them.
        """
        if self._config.sql_mode:
            await self._client.require_harmless_role()
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
        return _as_rows(await self._client.read(statement, params), limit)

    async def select_sql(self, sql: str, parameters: Mapping[str, Any]) -> Rows:
        """One SELECT over the allowed tables, `:name` for its parameters; raises `Rejected` for any other."""
        statement = self._parse(sql)
        params = [*statement.bind(parameters), MAX_ROWS + 1, 2 * MAX_BYTES]
        text = compose_sql(statement.text, len(statement.names))
        return _as_rows(await self._client.read_sql(text, params), MAX_ROWS)

    async def list_parameters(self, sql: str) -> list[str]:
        return list(self._parse(sql).names)

    def _parse(self, sql: str) -> Statement:
        return parse(sql, self._config.schema_name, self._config.allowed_tables)


class _Object(dict[str, Any]):
    """A JSON object that knows whether a name occurred twice in it."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        self.is_exact = len(self) == len(pairs)


def _as_rows(found: Sequence[Sequence[str | None]], limit: int) -> Rows:
    """The rows that came as JSON texts, and NULL for each that was too many bytes."""
    lines = [row[0] for row in found]
    whole = [line for line in lines if line is not None]
    if lines and not whole:
        raise errors.Rejected("O registro é grande demais. Peça menos colunas.", code="RESULT_TOO_LARGE")
    rows = as_rows([parse_json(line, object_of=_Object) for line in whole])
    if not all(row.is_exact for row in rows if isinstance(row, _Object)):
        raise errors.Rejected(
            "Duas colunas do resultado têm o mesmo nome. Dê um nome a cada uma com AS.", code="INVALID_QUERY"
        )
    return capped([dict(row) for row in rows], limit, more=len(whole) < len(lines))


def open_provider(config: PostgresSettings, http: httpx.AsyncClient) -> SqlProvider:
    return PostgresProvider(config, PostgresClient(config))


SPEC = ProviderSpec(
    kind="postgres",
    title="PostgreSQL",
    integration_type="database",
    settings=PostgresSettings,
    open=open_provider,
    host_fields=("host",),
    runs_sql=lambda config: config.sql_mode,
)
