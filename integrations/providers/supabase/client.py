"""The only file that knows PostgREST's addresses, headers and errors; its language is beside it."""

from __future__ import annotations

from typing import Any

import httpx

from integrations import errors
from integrations.providers.base import Column, Table
from integrations.providers.supabase.config import SupabaseSettings
from integrations.providers.tables import (
    AWAY,
    INVALID,
    MAX_LISTED,
    NO_COLUMN,
    NO_TABLE,
    SLOW,
    SQLSTATES,
    Failure,
    failure_of,
    is_plain,
    parse_json,
    to_error,
)
from integrations.providers.transport import COMMON_STATUS, StatusTable, exchange, failure_body, status_error
from renum.security.http import AnswerTooLarge

_KEY: Failure = (
    errors.AuthFailed,
    "INVALID_CREDENTIALS",
    "O Supabase recusou a chave. Confira a chave e o endereço do projeto.",
)
# PostgREST's own codes; the database's are in SQLSTATES. A read that timed out changed nothing, but the
# class stays honest: nobody knows what it would have brought.
_CODES: dict[str, Failure] = {
    "PGRST000": AWAY,
    "PGRST001": AWAY,
    "PGRST002": AWAY,
    "PGRST003": SLOW,
    "PGRST100": INVALID,
    "PGRST106": (errors.Misconfigured, "MISCONFIGURED", "O projeto não expõe o esquema informado."),
    "PGRST108": INVALID,
    "PGRST125": (errors.Misconfigured, "MISCONFIGURED", "O endereço não é o de um projeto Supabase."),
    "PGRST200": INVALID,
    "PGRST204": NO_COLUMN,
    "PGRST205": NO_TABLE,
    "PGRST301": _KEY,
    "PGRST302": _KEY,
    "PGRST303": _KEY,
}
_STATUS: StatusTable = {**COMMON_STATUS, 404: errors.Misconfigured}
_SENTENCES = {401: _KEY[2], 403: _KEY[2], 404: "O endereço não é o de um projeto Supabase."}
_ROOT_REFUSED = {401, 403, 404}


class TooLarge(Exception):
    """The answer is larger than we read."""


class SupabaseClient:
    """One project's requests; `http` is opened and closed by the caller."""

    def __init__(self, config: SupabaseSettings, http: httpx.AsyncClient):
        self._http = http
        self._base = f"{config.supabase_url}/rest/v1/"
        key = config.supabase_key.get_secret_value()
        self._headers = {"apikey": key, "Accept": "application/json"}
        # `sb_` keys are no JWTs: PostgREST refuses them as a Bearer. Legacy keys need both.
        if not key.startswith("sb_"):
            self._headers["Authorization"] = f"Bearer {key}"
        if config.schema_name != "public":
            self._headers["Accept-Profile"] = config.schema_name

    async def describe(self) -> list[Table] | None:
        """The tables that the key may see; None if it may not list them, or they are too many to read."""
        try:
            response = await self._get("", {})
        except TooLarge:
            return None
        if response.is_success:
            answer = parse_json(response.content)
            if not isinstance(answer, dict) or not isinstance(answer.get("paths"), dict):
                raise errors.ProtocolError
            return _tables_of(answer)
        # Since 2026-04 the gateway refuses the root to publishable keys, as it refuses any to a bad key.
        if response.status_code in _ROOT_REFUSED:
            return None
        raise _error_of(response)

    async def read(self, table: str, params: dict[str, str]) -> Any:
        """The JSON of a table's rows; raises `TooLarge` or a `ProviderError`. `table` is a plain name."""
        response = await self._get(table, params)
        if response.is_success:
            return parse_json(response.content)
        raise _error_of(response)

    async def _get(self, path: str, params: dict[str, str]) -> httpx.Response:
        try:
            return await exchange(self._http, "GET", self._base + path, params=params, headers=self._headers)
        except errors.ProtocolError as error:
            if isinstance(error.__cause__, AnswerTooLarge):
                raise TooLarge from error
            raise


def _tables_of(document: dict[str, Any]) -> list[Table]:
    """The tables and views of a Swagger document, by name; functions are paths too."""
    definitions = document.get("definitions")
    definitions = definitions if isinstance(definitions, dict) else {}
    names = sorted(name for path in document["paths"] if is_plain(name := path.removeprefix("/")))
    return [Table(name, _columns_of(definitions.get(name))) for name in names[:MAX_LISTED]]


def _columns_of(definition: Any) -> tuple[Column, ...]:
    properties = definition.get("properties") if isinstance(definition, dict) else None
    if not isinstance(properties, dict):
        return ()
    return tuple(
        Column(name, str(shape.get("format") or shape.get("type") or ""))
        for name, shape in properties.items()
        if is_plain(name) and isinstance(shape, dict)
    )


def _error_of(response: httpx.Response) -> errors.ProviderError:
    """Classify a failure by its code, which the gateway's own answers lack, then by its status.

    The vendor's sentence is never passed on: it may quote a value.
    """
    status = response.status_code
    code = failure_body(response).get("code")
    failure = failure_of(code, (_CODES, SQLSTATES)) if isinstance(code, str) else None
    if failure is not None:
        return to_error(failure, status)
    return status_error(response, _STATUS, _SENTENCES.get(status, "O Supabase não concluiu a consulta."))
