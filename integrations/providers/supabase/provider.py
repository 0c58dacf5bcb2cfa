"""Our verbs over a Supabase project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from django.conf import settings

from integrations import errors
from integrations.providers.base import (
    DatabaseProvider,
    Health,
    ProviderSpec,
    Rows,
    Select,
    Table,
)
from integrations.providers.supabase.client import SupabaseClient, TooLarge
from integrations.providers.supabase.config import SupabaseSettings
from integrations.providers.supabase.queries import to_params
from integrations.providers.tables import (
    as_rows,
    capped,
    check_query,
    describe_failures,
    row_limit,
)

PROBES_AT_A_TIME = 8
# A table that nobody has: the answer tells whether the key itself is accepted.
_NOBODYS_TABLE = "renum_connection_test"
_REASONS = {"PERMISSION_DENIED": "sem permissão", "TABLE_NOT_FOUND": "não encontrada"}
_DECLARE = "A chave não permite listar as tabelas. Informe em allowed_tables as que devem ser lidas."


class SupabaseProvider:
    def __init__(self, config: SupabaseSettings, http: httpx.AsyncClient):
        self._config = config
        self._client = SupabaseClient(config, http)

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def check(self) -> Health:
        """Connected if the root or a declared table answers; `detail` names those declared that do not."""
        visible = await self._client.describe() is not None
        failures = await self._probe_declared()
        if not visible and not self._config.allowed_tables:
            await self._require_accepted_key()
            return Health(connected=True, detail=_DECLARE)
        answers = visible or len(failures) < len(self._config.allowed_tables)
        reasons = {name: _reason(failure) for name, failure in failures.items()}
        return Health(connected=answers, detail=describe_failures(reasons))

    async def list_tables(self) -> list[Table]:
        """What the key may see; if it may not list, the declared tables that answer, without columns."""
        tables = await self._client.describe()
        if tables is not None:
            return tables
        if not self._config.allowed_tables:
            await self._require_accepted_key()
            raise errors.Misconfigured(_DECLARE)
        failures = await self._probe_declared()
        return [Table(name) for name in self._config.allowed_tables if name not in failures]

    async def select(self, query: Select) -> Rows:
        check_query(query, self._config.allowed_tables)
        limit = row_limit(query)
        async with _bounded():
            # Rows may be wide: where the answer is too large to read, fewer of them are better than none.
            for wanted in (limit + 1, *(fewer for fewer in (50, 12, 3, 1) if fewer <= limit)):
                try:
                    rows = as_rows(await self._client.read(query.table, to_params(query, wanted)))
                except TooLarge:
                    continue
                return capped(rows, limit, more=wanted <= limit)
        raise errors.Rejected("O registro é grande demais. Peça menos colunas.", code="RESULT_TOO_LARGE")

    async def _require_accepted_key(self) -> None:
        """Raise what the gateway has against the key or the address."""
        failure = await self._probe(_NOBODYS_TABLE)
        if failure is not None and failure.code not in _REASONS:
            raise failure

    async def _probe_declared(self) -> dict[str, errors.ProviderError]:
        """Ask each declared table for nothing, and return those that refuse; raises what fails them all."""
        gate = asyncio.Semaphore(PROBES_AT_A_TIME)

        async def probe(table: str) -> errors.ProviderError | None:
            async with gate:
                return await self._probe(table)

        names = self._config.allowed_tables
        async with _bounded():
            results = await asyncio.gather(*map(probe, names))
        failures = {name: result for name, result in zip(names, results, strict=True) if result}
        for failure in failures.values():
            if not isinstance(failure, errors.Rejected):
                raise failure
        return failures

    async def _probe(self, table: str) -> errors.ProviderError | None:
        try:
            as_rows(await self._client.read(table, {"select": "*", "limit": "0"}))
        except errors.ProviderError as error:
            return error
        except TooLarge:
            return errors.ProtocolError()
        return None


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """Several exchanges take no longer than one may; raises `TimedOut`."""
    try:
        async with asyncio.timeout(settings.ENVIRONMENT.provider_timeout_seconds):
            yield
    except TimeoutError as error:
        raise errors.TimedOut from error


def _reason(failure: errors.ProviderError) -> str:
    return _REASONS.get(failure.code, "recusada")


def open_provider(config: SupabaseSettings, http: httpx.AsyncClient) -> DatabaseProvider:
    return SupabaseProvider(config, http)


SPEC = ProviderSpec(
    kind="supabase",
    title="Supabase",
    integration_type="database",
    settings=SupabaseSettings,
    open=open_provider,
    url_fields=("supabase_url",),
)
