"""PostgREST's description of what a role may see: Swagger 2.0, made from the catalogue."""

from typing import Any

import psycopg

from .demo_database import SCHEMA

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
       coalesce(i.indisprimary, false)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
  AND has_table_privilege(c.oid, 'SELECT')
ORDER BY c.relname, a.attnum
"""
_JSON_TYPES = {"integer": "integer", "bigint": "integer", "numeric": "number", "boolean": "boolean"}


async def describe_tables(cursor: psycopg.AsyncCursor) -> dict[str, Any]:
    """Build the document for the cursor's role."""
    await cursor.execute(_COLUMNS, [SCHEMA])
    definitions: dict[str, Any] = {}
    for table, column, kind, required, primary in await cursor.fetchall():
        definition = definitions.setdefault(table, {"type": "object", "required": [], "properties": {}})
        shape = {"format": kind, "type": _JSON_TYPES.get(kind, "array" if kind.endswith("[]") else "string")}
        if primary:
            shape["description"] = "Note:\nThis is a Primary Key.<pk/>"
        definition["properties"][column] = shape
        if required:
            definition["required"].append(column)
    reading = {
        "get": {"responses": {"200": {"description": "OK"}, "206": {"description": "Partial Content"}}}
    }
    return {
        "swagger": "2.0",
        "info": {"title": "standard public schema", "version": "14.1"},
        "basePath": "/",
        "schemes": ["https"],
        "paths": {
            "/": reading,
            **{f"/{table}": reading for table in definitions},
            "/rpc/rls_auto_enable": {"post": {}},
        },
        "definitions": definitions,
    }
