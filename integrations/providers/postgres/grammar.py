"""What SQL mode can read: Postgres' grammar with every call kept as it was written, and the functions,
types and names that may occur."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import TokenType


def _only(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: parser for name, parser in table.items() if name in names}


def _binary(kind: type[exp.Expr]) -> Callable[[Any, exp.Expr, exp.Expr], exp.Expr]:
    def build(parser: Any, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        return kind(this=left, expression=right)

    return build


class _Parser(PostgresParser):
    """sqlglot translates functions between dialects; here a call is a name and its arguments, so that the
    name that is judged is the name that runs."""

    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = _only(
        PostgresParser.FUNCTION_PARSERS, "CAST", "EXTRACT", "SUBSTRING", "TRIM", "POSITION"
    )
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = _only(
        PostgresParser.NO_PAREN_FUNCTION_PARSERS, "ANY", "CASE"
    )
    JSON_OPERATORS: ClassVar[dict[TokenType, Any]] = {
        TokenType.ARROW: _binary(exp.JSONExtract),
        TokenType.DARROW: _binary(exp.JSONExtractScalar),
        TokenType.HASH_ARROW: _binary(exp.JSONBExtract),
        TokenType.DHASH_ARROW: _binary(exp.JSONBExtractScalar),
    }

    def _warn_unsupported(self) -> None:
        """sqlglot would log the text of what it does not understand, and carry it along; it is refused."""
        raise ParseError("not a query")


class Grammar(Postgres):
    """Postgres, as SQL mode reads it."""

    Parser = _Parser


AGGREGATES = frozenset(
    {"array_agg", "avg", "bool_and", "bool_or", "corr", "count", "every", "json_agg", "jsonb_agg", "max"}
    | {"min", "mode", "percentile_cont", "percentile_disc", "stddev", "stddev_pop", "stddev_samp"}
    | {"string_agg", "sum", "var_pop", "var_samp", "variance"}
)
WINDOWS = frozenset(
    {"cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile"}
    | {"percent_rank", "rank", "row_number"}
)
# Grammar, not functions: nothing can be called like them, and no schema can be put before them.
CONDITIONALS = frozenset({"coalesce", "greatest", "least", "nullif"})
_TEXTS = frozenset(
    {"btrim", "char_length", "character_length", "concat", "concat_ws", "initcap", "left", "length", "lower"}
    | {"lpad", "ltrim", "octet_length", "replace", "reverse", "right", "rpad", "rtrim", "split_part"}
    | {"starts_with", "strpos", "substr", "translate", "upper"}
)
_MOMENTS = frozenset(
    {"age", "date_bin", "date_part", "date_trunc", "isfinite", "justify_days", "justify_hours"}
    | {"justify_interval", "make_date", "now", "to_char", "to_date", "to_number", "to_timestamp"}
)
_NUMBERS = frozenset(
    {"abs", "ceil", "ceiling", "div", "floor", "ln", "log", "mod", "round", "sign", "sqrt", "trunc"}
    | {"width_bucket"}
)
_STRUCTURES = frozenset(
    {"array_length", "array_position", "array_to_string", "cardinality", "json_array_length"}
    | {"json_build_array", "json_build_object", "json_extract_path", "json_extract_path_text", "json_typeof"}
    | {"jsonb_array_length", "jsonb_build_array", "jsonb_build_object", "jsonb_extract_path"}
    | {"jsonb_extract_path_text", "jsonb_typeof"}
)
# Pure ones, each of which returns one value about as large as what it is given. No regular expressions.
FUNCTIONS = AGGREGATES | WINDOWS | CONDITIONALS | _TEXTS | _MOMENTS | _NUMBERS | _STRUCTURES

# These put their arguments together.
JOINING = frozenset(
    {"concat", "concat_ws", "json_build_array", "json_build_object", "jsonb_build_array"}
    | {"jsonb_build_object"}
)

# The type's name in pg_catalog, and how large its parameters may be.
TYPES: dict[exp.DType, tuple[str, tuple[int, ...]]] = {
    exp.DType.BOOLEAN: ("bool", ()),
    exp.DType.SMALLINT: ("int2", ()),
    exp.DType.INT: ("int4", ()),
    exp.DType.BIGINT: ("int8", ()),
    exp.DType.DECIMAL: ("numeric", (200, 100)),
    exp.DType.FLOAT: ("float4", ()),
    exp.DType.DOUBLE: ("float8", ()),
    exp.DType.TEXT: ("text", ()),
    exp.DType.VARCHAR: ("varchar", (2000,)),
    exp.DType.CHAR: ("bpchar", (200,)),
    exp.DType.DATE: ("date", ()),
    exp.DType.TIME: ("time", ()),
    exp.DType.TIMETZ: ("timetz", ()),
    exp.DType.TIMESTAMP: ("timestamp", ()),
    exp.DType.TIMESTAMPTZ: ("timestamptz", ()),
    exp.DType.INTERVAL: ("interval", ()),
    exp.DType.UUID: ("uuid", ()),
    exp.DType.JSON: ("json", ()),
    exp.DType.JSONB: ("jsonb", ()),
}
MOMENT_PARTS = frozenset(
    {"century", "day", "decade", "dow", "doy", "epoch", "hour", "isodow", "isoyear", "microseconds"}
    | {"millennium", "milliseconds", "minute", "month", "quarter", "second", "week", "year"}
)
_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")
INTERVAL_UNITS = frozenset({*_UNITS, *(f"{unit}s" for unit in _UNITS)})
# Words that mean the session where they are not quoted, and columns that every table has.
SESSION_WORDS = frozenset(
    {"current_catalog", "current_role", "current_schema", "current_user", "session_user", "system_user"}
    | {"user"}
)
SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "oid", "tableoid", "xmax", "xmin"})
BINARIES: dict[type[exp.Expr], str] = {
    exp.And: "AND",
    exp.Or: "OR",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.Like: "LIKE",
    exp.ILike: "ILIKE",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.JSONBExtract: "#>",
    exp.JSONBExtractScalar: "#>>",
    exp.ArrayContainsAll: "@>",
}
CONSTANTS: dict[type[exp.Expr], str] = {
    exp.Null: "NULL",
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.Localtimestamp: "LOCALTIMESTAMP",
}
