"""The rows behind the stand-in for Supabase: a schema of its own in a real Postgres, made on first use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from aiohttp import web
from psycopg import sql

SCHEMA = "sandbox_supabase"
SERVICE, ANON = "sandbox_service", "sandbox_anon"
STATEMENT_SECONDS = 3.0
CONNECT_SECONDS = 3
_TABLES = Path(__file__).with_name("demo_tables.sql")


class NoDatabase(Exception):
    """There is no database to read from, or it cannot be reached or set up."""


class DemoDatabase:
    """`url` names the owner, or any role that may create schemas and roles; empty: there is none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._ready = False

    @asynccontextmanager
    async def reading(self, role: str) -> AsyncIterator[psycopg.AsyncCursor]:
        """Yield a cursor in a read-only transaction as `role`. Raises NoDatabase and psycopg's errors."""
        connection = await self._connect()
        try:
            await self._set_up(connection)
            await connection.set_read_only(True)
            cursor = connection.cursor()
            await cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            await cursor.execute(
                sql.SQL(
                    "SELECT set_config('statement_timeout', {}, true), set_config('timezone', 'UTC', true)"
                ).format(sql.Literal(str(int(STATEMENT_SECONDS * 1000))))
            )
            yield cursor
            await connection.rollback()
        finally:
            await connection.close()

    async def _connect(self) -> psycopg.AsyncConnection:
        if not self._url:
            raise NoDatabase
        try:
            return await psycopg.AsyncConnection.connect(
                self._url, connect_timeout=CONNECT_SECONDS, prepare_threshold=None
            )
        except psycopg.Error as exc:
            raise NoDatabase from exc

    async def _set_up(self, connection: psycopg.AsyncConnection) -> None:
        async with self._lock:
            if self._ready:
                return
            try:
                # Without parameters, so that the file goes as one script, and as one transaction.
                await connection.execute(_TABLES.read_bytes())
                await connection.commit()
            except psycopg.Error as exc:
                raise NoDatabase from exc
            self._ready = True


DATABASE = web.AppKey("demo_database", DemoDatabase)
