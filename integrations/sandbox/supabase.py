"""The stand-in for Supabase's data API: PostgREST's reads over real rows, behind the gateway's keys."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from aiohttp import web
from psycopg import sql

from .context import Refused
from .demo_database import ANON, DATABASE, SCHEMA, SERVICE, NoDatabase
from .postgrest_query import Query, Unparsable, parse_query
from .postgrest_root import describe_tables

MOUNT = "supabase"
SECRET_KEY, PUBLISHABLE_KEY = "sb_secret_demo", "sb_publishable_demo"
# A legacy key is a JWT that names its role; this one says service_role.
LEGACY_KEY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.demo"
_NO_CONNECTION = "Database connection error. Retrying the connection."
MAX_ROWS = 1000  # what hosted projects send at most, without a word
_BASE = f"/{MOUNT}/rest/v1"
_STATUS_OF = {
    "PGRST000": 503,
    "PGRST103": 416,
    "PGRST106": 406,
    "PGRST117": 405,
    "PGRST125": 404,
    "PGRST205": 404,
    "PGRST301": 401,
    "42501": 403,
    "42P01": 404,
    "42883": 404,
    "57014": 500,
    "55P03": 500,
    "25006": 405,
}
_OF_HTTP = {
    404: ("PGRST125", "Invalid path specified in request URL"),
    405: ("PGRST117", "Unsupported HTTP method"),
}


class PostgrestError(Refused):
    """A refusal in PostgREST's words."""

    def __init__(
        self, code: str, message: str, *, status: int = 0, details: Any = None, hint: Any = None
    ) -> None:
        super().__init__(
            status or _STATUS_OF.get(code, 503 if code.startswith(("08", "53")) else 400), message, code
        )
        self.details, self.hint = details, hint


class GatewayError(Refused):
    """A refusal of the gateway before PostgREST: without a code."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(401, message)
        self.hint = hint


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(f"{_BASE}/", show_root)
    router.add_get(f"{_BASE}/{{table}}", read_table)
    router.add_route("*", f"{_BASE}/{{table}}", refuse_write)


def word_refusal(refused: Refused, path: str) -> web.Response:
    if isinstance(refused, GatewayError):
        return web.json_response({"message": refused.error, "hint": refused.hint}, status=refused.status)
    code, message = refused.code, refused.error
    if code is None:
        code, message = _OF_HTTP.get(refused.status, ("PGRST100", refused.error))
    content = {
        "code": code,
        "message": message,
        "details": getattr(refused, "details", None),
        "hint": getattr(refused, "hint", None),
    }
    headers = {"Proxy-Status": f"PostgREST; error={code}"}
    return web.json_response(content, status=refused.status, headers=headers)


async def show_root(request: web.Request) -> web.Response:
    if _role_of(request) != SERVICE:
        raise GatewayError(
            "Access to schema is forbidden",
            "Accessing the schema via the Data API is only allowed using a secret API key.",
        )
    async with _reading(request, SERVICE) as cursor:
        return web.json_response(await describe_tables(cursor), content_type="application/openapi+json")


async def read_table(request: web.Request) -> web.Response:
    role = _role_of(request)
    profile = request.headers.get("Accept-Profile", "public")
    if profile != "public":
        raise PostgrestError(
            "PGRST106",
            f"Invalid schema: {profile[:50]}",
            hint="Only the following schemas are exposed: public",
        )
    table = request.match_info["table"]
    try:
        query = parse_query(request.query.items())
    except Unparsable as exc:
        raise PostgrestError(exc.code, exc.message) from exc
    _apply_range(request, query)
    async with _reading(request, role) as cursor:
        await _require_table(cursor, table)
        total = (
            await _count(cursor, table, query) if "count=exact" in request.headers.get("Prefer", "") else None
        )
        if total is not None and query.offset > max(total, 0):
            raise PostgrestError(
                "PGRST103",
                "Requested range not satisfiable",
                details=f"An offset of {query.offset} was requested, but there are only {total} rows.",
            )
        await cursor.execute(
            sql.SQL(
                "SELECT coalesce(json_agg(_postgrest_t), '[]')::text, count(*) FROM "
                "(SELECT {} FROM {}{}{} LIMIT {} OFFSET {}) _postgrest_t"
            ).format(
                query.columns,
                sql.Identifier(SCHEMA, table),
                query.where(),
                query.order_by(),
                sql.Literal(min(MAX_ROWS if query.limit is None else query.limit, MAX_ROWS)),
                sql.Literal(query.offset),
            ),
            query.params,
        )
        body, found = await cursor.fetchone() or ("[]", 0)
    return _answer(body, query.offset, found, total)


async def refuse_write(request: web.Request) -> web.Response:
    _role_of(request)
    raise PostgrestError("25006", f"cannot execute {request.method} in a read-only transaction")


@asynccontextmanager
async def _reading(request: web.Request, role: str) -> AsyncIterator[psycopg.AsyncCursor]:
    """A cursor as a role; what the database refuses becomes PostgREST's answer."""
    try:
        async with request.app[DATABASE].reading(role) as cursor:
            yield cursor
    except NoDatabase as exc:
        raise PostgrestError("PGRST000", _NO_CONNECTION) from exc
    except psycopg.Error as exc:
        code, told = exc.sqlstate or "PGRST000", exc.diag
        raise PostgrestError(
            code,
            told.message_primary or _NO_CONNECTION,
            status=401 if code == "42501" and role == ANON else 0,
            details=told.message_detail,
            hint=told.message_hint,
        ) from exc


def _role_of(request: web.Request) -> str:
    """The role of a request's key; raises what the gateway, or PostgREST, answers to a wrong one."""
    key = request.headers.get("apikey", "")
    if not key:
        raise GatewayError(
            "No API key found in request", "No `apikey` request header or url param was found."
        )
    if key not in (SECRET_KEY, PUBLISHABLE_KEY, LEGACY_KEY):
        raise GatewayError("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")
    if key == SECRET_KEY and "Mozilla/" in request.headers.get("User-Agent", ""):
        raise GatewayError(
            "Forbidden use of secret API key in browser", "Secret API keys can only be used on a server."
        )
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer != LEGACY_KEY:
        parts = len(bearer.split("."))
        words = "No suitable key or wrong key type" if parts == 3 else f"Expected 3 parts in JWT; got {parts}"
        raise PostgrestError("PGRST301", words)
    # A legacy key in `apikey` alone passes the gateway, and is nobody to PostgREST.
    return SERVICE if key == SECRET_KEY or bearer == LEGACY_KEY else ANON


async def _require_table(cursor: psycopg.AsyncCursor, table: str) -> None:
    await cursor.execute(
        "SELECT 1 FROM pg_class WHERE relnamespace = %s::regnamespace AND relname = %s "
        "AND relkind IN ('r', 'v', 'm', 'p')",
        [SCHEMA, table],
    )
    if await cursor.fetchone() is None:
        raise PostgrestError(
            "PGRST205", f"Could not find the table 'public.{table[:63]}' in the schema cache"
        )


async def _count(cursor: psycopg.AsyncCursor, table: str, query: Query) -> int:
    await cursor.execute(
        sql.SQL("SELECT count(*) FROM {}{}").format(sql.Identifier(SCHEMA, table), query.where()),
        query.params,
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _apply_range(request: web.Request, query: Query) -> None:
    """Narrow the query by a `Range` header, which counts rows as `Range-Unit` says."""
    text = request.headers.get("Range")
    if text is None or request.headers.get("Range-Unit", "items") != "items":
        return
    match = re.fullmatch(r"([0-9]{1,9})-([0-9]{0,9})", text)
    if match is None:
        return
    first, last = int(match[1]), int(match[2]) if match[2] else None
    if last is not None and last < first:
        raise PostgrestError(
            "PGRST103",
            "Requested range not satisfiable",
            details="The lower boundary must be lower than or equal to the upper boundary.",
        )
    query.offset += first
    if last is not None:
        length = last - first + 1
        query.limit = length if query.limit is None else min(query.limit, length)


def _answer(body: str, offset: int, found: int, total: int | None) -> web.Response:
    rows = f"{offset}-{offset + found - 1}" if found else "*"
    partial = total is not None and found < total
    return web.Response(
        text=body,
        status=206 if partial else 200,
        content_type="application/json",
        headers={"Content-Range": f"{rows}/{'*' if total is None else total}"},
    )
