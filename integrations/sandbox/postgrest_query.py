"""PostgREST's query language, for reading one table: a query string becomes SQL with parameters."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from psycopg import sql

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARISONS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "IS DISTINCT FROM",
}
_TRIVALENT = {
    "null": "NULL",
    "not_null": "NOT NULL",
    "true": "TRUE",
    "false": "FALSE",
    "unknown": "UNKNOWN",
}
_ORDER = {"asc": "ASC", "desc": "DESC", "nullsfirst": "NULLS FIRST", "nullslast": "NULLS LAST"}
_LOGIC = ("and", "or", "not.and", "not.or")
_MAX_DEPTH = 20


class Unparsable(Exception):
    """The query is refused with PostgREST's code and words."""

    def __init__(self, message: str, code: str = "PGRST100") -> None:
        super().__init__(message)
        self.message, self.code = message, code


@dataclass
class Query:
    """`columns` is the list after SELECT; `params` belong to `conditions`, in order."""

    columns: sql.Composable = field(default_factory=lambda: sql.SQL("*"))
    conditions: list[sql.Composable] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    order: list[sql.Composable] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0

    def where(self) -> sql.Composable:
        return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(self.conditions) if self.conditions else sql.SQL("")

    def order_by(self) -> sql.Composable:
        return sql.SQL(" ORDER BY ") + sql.SQL(", ").join(self.order) if self.order else sql.SQL("")


def parse_query(pairs: Iterable[tuple[str, str]]) -> Query:
    """Parse the decoded pairs of a query string; raises Unparsable."""
    query = Query()
    for key, value in pairs:
        if key == "select":
            query.columns = _parse_select(value)
        elif key == "order":
            query.order = [_parse_order(term) for term in value.split(",")]
        elif key == "limit":
            query.limit = _parse_number(key, value)
        elif key == "offset":
            query.offset = _parse_number(key, value)
        elif key in _LOGIC:
            query.conditions.append(_Tree(value, query.params).parse_whole(key))
        else:
            query.conditions.append(_parse_filter(key, value, query.params))
    return query


def _parse_select(text: str) -> sql.Composable:
    columns: list[sql.Composable] = []
    for item in text.split(",") if text else ["*"]:
        if "(" in item:
            raise Unparsable("Could not find a relationship in the schema cache", "PGRST200")
        alias, colon, name = item.rpartition(":")
        if item == "*":
            columns.append(sql.SQL("*"))
        elif colon:
            columns.append(sql.SQL("{} AS {}").format(_identifier(name), _identifier(alias)))
        else:
            columns.append(_identifier(name))
    return sql.SQL(", ").join(columns)


def _parse_order(term: str) -> sql.Composable:
    name, *words = term.split(".")
    known = [word for word in words if word in _ORDER]
    if known != words or len(words) > 2:
        raise Unparsable(f'"failed to parse order ({term})" (line 1, column {len(name) + 2})')
    return sql.SQL(" ").join([_identifier(name), *(sql.SQL(_ORDER[word]) for word in words)])


def _parse_number(key: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Unparsable(f'"failed to parse {key} ({text[:50]})" (line 1, column 1)')
    return int(text)


def _parse_filter(key: str, value: str, params: list[str]) -> sql.Composable:
    if "." in key:
        resource = key.partition(".")[0]
        raise Unparsable(f"'{resource}' is not an embedded resource in this request", "PGRST108")
    parser = _Tree(value, params)
    # The value of a filter of its own is all that follows: quotes are a part of it.
    condition = parser.parse_operation(_identifier(key), parser.take_rest)
    parser.require_end()
    return condition


def _identifier(name: str) -> sql.Identifier:
    if not _NAME.fullmatch(name):
        raise Unparsable(f'"failed to parse field name ({name[:50]})" (line 1, column 1)')
    return sql.Identifier(name)


class _Tree:
    """A parser over one value, from left to right."""

    def __init__(self, text: str, params: list[str]) -> None:
        self._text, self._params, self._at = text, params, 0

    def parse_whole(self, key: str) -> sql.Composable:
        """Parse `(…)`, the value of a parameter `and`, `or`, `not.and` or `not.or`."""
        condition = self._parse_group(key, 0)
        self.require_end()
        return condition

    def parse_operation(self, column: sql.Composable, take_value: Callable[[], str]) -> sql.Composable:
        """Parse `[not.]operator.value` for a column."""
        negation = sql.SQL("NOT " if self._skip("not.") else "")
        if self._skip("in."):
            values = self._take_list()
            # As the vendor does, one empty value stands for none.
            self._params.append(_array_of([] if values == [""] else values))
            return negation + sql.SQL("{} = ANY (%s)").format(column)
        if self._skip("is."):
            word = self._take_until(",)").lower()
            if word not in _TRIVALENT:
                raise self._problem("filter")
            return negation + sql.SQL("{} IS {}").format(column, sql.SQL(_TRIVALENT[word]))
        operator = self._take_until(".")
        if operator not in _COMPARISONS or not self._skip("."):
            raise self._problem("filter")
        value = take_value()
        self._params.append(value.replace("*", "%") if operator in ("like", "ilike") else value)
        return negation + sql.SQL("{} {} %s").format(column, sql.SQL(_COMPARISONS[operator]))

    def take_rest(self) -> str:
        rest, self._at = self._text[self._at :], len(self._text)
        return rest

    def require_end(self) -> None:
        if self._at != len(self._text):
            raise self._problem("filter")

    def _parse_group(self, operator: str, depth: int) -> sql.Composable:
        if depth > _MAX_DEPTH or not self._skip("("):
            raise self._problem("logic tree")
        parts = [self._parse_node(depth)]
        while self._skip(","):
            parts.append(self._parse_node(depth))
        if not self._skip(")"):
            raise self._problem("logic tree")
        word = sql.SQL(" OR " if operator.endswith("or") else " AND ")
        negation = sql.SQL("NOT " if operator.startswith("not.") else "")
        return negation + sql.SQL("({})").format(word.join(parts))

    def _parse_node(self, depth: int) -> sql.Composable:
        for operator in _LOGIC:
            if self._skip(f"{operator}(", keep=1):
                return self._parse_group(operator, depth + 1)
        name = self._take_until(".")
        if not self._skip("."):
            raise self._problem("logic tree")
        return self.parse_operation(_identifier(name), self._take_value)

    def _take_list(self) -> list[str]:
        if not self._skip("("):
            raise self._problem("filter")
        values = [self._take_value()]
        while self._skip(","):
            values.append(self._take_value())
        if not self._skip(")"):
            raise self._problem("filter")
        return values

    def _take_value(self) -> str:
        quoted = re.compile(r'"((?:[^"\\]|\\.)*)"(?=[,)]|$)', re.DOTALL).match(self._text, self._at)
        if quoted:
            self._at = quoted.end()
            return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
        return self._take_until(",)")

    def _take_until(self, ends: str) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        return self._text[start : self._at]

    def _skip(self, text: str, keep: int = 0) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text) - keep
        return True

    def _problem(self, what: str) -> Unparsable:
        return Unparsable(f'"failed to parse {what} ({self._text[:100]})" (line 1, column {self._at + 1})')


def _array_of(values: list[str]) -> str:
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"
