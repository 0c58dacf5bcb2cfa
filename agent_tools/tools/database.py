"""The tools that read a client's own database, on Supabase and on Postgres alike."""

from __future__ import annotations

from agent_tools.operations import query_database, query_sql, run_named_query
from agent_tools.tools.base import BoundTool


class SupabaseQueryTool(BoundTool):
    """Reads an allowed table by columns, filters, order and limit."""

    operation = query_database.OPERATION


class NamedQueryTool(BoundTool):
    """Runs a query that staff published."""

    operation = run_named_query.OPERATION


class SqlQueryTool(BoundTool):
    """Runs one SELECT over allowed tables, where the client turned that on (Postgres only)."""

    operation = query_sql.OPERATION
