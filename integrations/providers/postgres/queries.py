"""The SQL that reads a client's Postgres: names as identifiers, values as parameters, nothing else."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from integrations.providers.base import Filter, Select
from integrations.providers.tables import MAX_BYTES, MAX_LISTED, as_text, listed

_COMPARISONS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
}
_READABLE = sql.SQL(
    "c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
    "AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')"
)
LIST = sql.SQL(
    "SELECT t.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) "
    "FROM (SELECT c.oid, c.relname FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %s AND {readable} ORDER BY c.relname LIMIT {tables}) t "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "AND pg_catalog.has_column_privilege(t.oid, a.attnum, 'SELECT') "
    "ORDER BY t.relname, a.attnum LIMIT 20000"
).format(readable=_READABLE, tables=sql.Literal(MAX_LISTED))
DECLARED = sql.SQL(
    "SELECT c.relname, ({readable})::text FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = ANY(%s)"
).format(readable=_READABLE)
# As JSON, so that a value looks as PostgREST shows it, and bounded where the rows are. `_renum.*` is the
# row even where a column is called like the alias.
_SELECT = sql.SQL(
    "SELECT CASE WHEN sum(pg_catalog.octet_length(line)) OVER (ROWS UNBOUNDED PRECEDING) <= {bytes} "
    "THEN line END FROM (SELECT pg_catalog.row_to_json(_renum.*)::text AS line FROM "
    "(SELECT {columns} FROM {table}{where}{order} LIMIT {limit} OFFSET {offset}) _renum) _lines"
)
_SELECT_SQL = (
    "SELECT CASE WHEN pg_catalog.sum(pg_catalog.octet_length(line)) OVER (ROWS UNBOUNDED PRECEDING) <= %s "
    "THEN line END FROM (SELECT pg_catalog.row_to_json(_renum.*)::pg_catalog.text AS line FROM (%s) _renum "
    "LIMIT %s) _lines"
)


def compose(query: Select, schema: str, limit: int) -> tuple[sql.Composed, list[Any]]:
    """A checked query as a statement and its parameters; each row comes as one JSON text or, once the
    bytes are used up, as NULL."""
    names = dict.fromkeys(query.columns)
    conditions = [_condition(one) for one in query.filters]
    order = [
        sql.SQL("{} DESC" if descending else "{} ASC").format(sql.Identifier(name))
        for name, descending in query.order
    ]
    statement = _SELECT.format(
        bytes=sql.Literal(2 * MAX_BYTES),
        columns=sql.SQL(", ").join(map(sql.Identifier, names)) if names else sql.SQL("*"),
        table=sql.Identifier(schema, query.table),
        where=_clause(" WHERE ", " AND ", [condition for condition, _ in conditions]),
        order=_clause(" ORDER BY ", ", ", order),
        limit=sql.Literal(limit),
        offset=sql.Literal(query.offset),
    )
    return statement, [value for _, values in conditions for value in values]


def compose_sql(statement: str, parameters: int) -> str:
    """A SELECT whose rows come as those of `compose`; its own parameters are followed by a limit on rows
    and one on bytes."""
    return _SELECT_SQL % (f"${parameters + 2}", statement, f"${parameters + 1}")


def _clause(keyword: str, separator: str, parts: list[sql.Composed]) -> sql.Composable:
    return sql.SQL(keyword) + sql.SQL(separator).join(parts) if parts else sql.SQL("")


def _condition(one: Filter) -> tuple[sql.Composed, list[str]]:
    """A condition and its values, as texts that Postgres reads in the column's own type."""
    column = sql.Identifier(one.column)
    if one.operator == "is":
        word = sql.SQL({None: "NULL", True: "TRUE", False: "FALSE"}[one.value])
        return sql.SQL("{} IS {}").format(column, word), []
    if one.operator == "in":
        values = listed(one.value)
        if not values:
            return sql.SQL("{} IS NULL AND FALSE").format(column), []
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(values))
        return sql.SQL("{} IN ({})").format(column, marks), values
    comparison = sql.SQL(_COMPARISONS[one.operator])
    return sql.SQL("{} {} {}").format(column, comparison, sql.Placeholder()), [as_text(one.value)]
