"""SQL mode: one SELECT over the allowed tables, written anew from what was understood of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from integrations import errors
from integrations.providers.postgres.expressions import (
    MAX_NODES,
    fold,
    quote,
    refuse,
    refuse_construct,
    shown,
    take,
)
from integrations.providers.postgres.functions import Functions
from integrations.providers.postgres.grammar import Grammar
from integrations.providers.tables import as_text, is_plain

MAX_SQL = 5000
MAX_TOKENS = 1000
MAX_PARENTHESES = 15
MAX_TABLES = 10
MAX_PARTS = 8  # of WITH
_BEGINNINGS = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN})
_OPERATIONS: Mapping[type[exp.Expr], str] = {
    exp.Union: "UNION",
    exp.Except: "EXCEPT",
    exp.Intersect: "INTERSECT",
}
_SIDES = frozenset({"", "LEFT", "RIGHT", "FULL"})
_CODE_POINTS = re.compile(r"[\ud800-\udfff\x00]")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL whose `$1` is the first of `names`."""

    text: str
    names: tuple[str, ...]

    def bind(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The values in the order of `names`; raises `Rejected` for one that is missing, or too many."""
        if set(parameters) != set(self.names):
            raise errors.Rejected(
                f"A consulta espera estes parâmetros: {', '.join(self.names) or 'nenhum'}.",
                code="INVALID_QUERY",
            )
        values = [parameters[name] for name in self.names]
        for value in values:
            if value is not None:
                as_text(value)
        return values


def parse(sql: str, schema: str, allowed_tables: Sequence[str]) -> Statement:
    """Understand one SELECT and write it anew, its tables qualified by `schema`; raises `Rejected`.

    The code is `TABLE_NOT_ALLOWED` for a table that is not on the list, else `SQL_NOT_ALLOWED`.
    """
    if len(sql) > MAX_SQL or _CODE_POINTS.search(sql):
        refuse(f"A consulta deve ser um texto de até {MAX_SQL} caracteres.")
    try:
        parsed = _parsed(sql)
        queries = Queries(schema, allowed_tables)
        return Statement(queries.write_query(parsed), tuple(queries.parameters))
    except (SqlglotError, RecursionError):  # not as its cause: it quotes the query
        raise errors.Rejected(
            "Isto não é um SELECT do PostgreSQL que se possa entender.", code="SQL_NOT_ALLOWED"
        ) from None


def _parsed(sql: str) -> Any:
    dialect = Grammar()
    tokens = dialect.tokenize(sql)
    _check_tokens(tokens)
    parsed = dialect.parser(max_nodes=2 * MAX_NODES).parse(tokens, sql)
    found = [one for one in parsed if not isinstance(one, exp.Semicolon)]  # a comment after the end
    if len(found) != 1:
        refuse("Envie um único comando SELECT.")
    return found[0]


def _check_tokens(tokens: Sequence[Token]) -> None:
    """What would make the parser's work large, or is no query at all."""
    if not tokens or tokens[0].token_type not in _BEGINNINGS:
        refuse("Só são permitidas consultas que começam com SELECT ou WITH.")
    depth = deepest = 0
    for token in tokens:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        deepest = max(deepest, depth)
    if len(tokens) > MAX_TOKENS or deepest > MAX_PARENTHESES:
        refuse("A consulta é grande ou aninhada demais.")


class Queries(Functions):
    """Writes queries, knowing which names in them are tables and which are parts of a WITH."""

    def __init__(self, schema: str, allowed_tables: Sequence[str]):
        super().__init__()
        self._schema = schema
        self._allowed = frozenset(allowed_tables)
        self._scopes: list[dict[str, str]] = []
        self._tables = self._parts = 0

    def write_query(self, node: Any) -> str:
        if isinstance(node, exp.Subquery):
            (node,) = take(node, "this")
        if not isinstance(node, exp.Select | exp.SetOperation):
            refuse_construct(node)
        with self.nested():
            self._scopes.append({})
            write = self._select if isinstance(node, exp.Select) else self._set_operation
            written = self._with(node.args.get("with_")) + write(node)
            self._scopes.pop()
            return written

    def _with(self, node: Any) -> str:
        """Each part gets a name that no table has, so that it stands for itself and nothing else."""
        if node is None:
            return ""
        (parts,) = take(node, "expressions")
        written = []
        for part in parts:
            query, alias = take(part, "this", "alias")
            name, columns = self._alias(alias)
            self._parts += 1
            if self._parts > MAX_PARTS or name in self._scopes[-1]:
                refuse("A consulta tem partes demais em WITH, ou duas com o mesmo nome.")
            body = self.write_query(query)
            self._scopes[-1][name] = quote(f"renum_part_{self._parts}")
            written.append(f"{self._scopes[-1][name]}{columns} AS ({body})")
        return f"WITH {', '.join(written)} "

    def _select(self, node: exp.Expr) -> str:
        distinct, projections, source, joins, where, group, having, *tail = take(
            node,
            *("distinct", "expressions", "from_", "joins", "where", "group", "having"),
            *("order", "limit", "offset", "with_"),
        )
        if not projections:
            refuse_construct(node)
        columns = ", ".join(map(self._projection, projections))
        parts = [f"SELECT {self._distinct(distinct)}{columns}"]
        if source is not None:
            (table,) = take(source, "this")
            parts.append(f"FROM {self._source(table)}")
        parts += [self._join(join) for join in joins or []]
        parts += [self._condition(where, "WHERE"), self._group(group), self._condition(having, "HAVING")]
        return " ".join(filter(None, [*parts, *self._tail(*tail[:3])]))

    def _set_operation(self, node: exp.Expr) -> str:
        left, right, distinct, *tail = take(
            node, "this", "expression", "distinct", "order", "limit", "offset", "with_"
        )
        word = _OPERATIONS[type(node)]
        both = f"({self.write_query(left)}) {word}{'' if distinct else ' ALL'} ({self.write_query(right)})"
        return " ".join([both, *self._tail(*tail[:3])])

    def _tail(self, order: Any, limit: Any, offset: Any) -> list[str]:
        parts = []
        if order is not None:
            take(order, "expressions")
            parts.append(self.order(order))
        for word, kind, node in (("LIMIT", exp.Limit, limit), ("OFFSET", exp.Offset, offset)):
            if node is None:
                continue
            (count,) = take(node, "expression")
            if not isinstance(node, kind) or not isinstance(count, exp.Literal | exp.Placeholder):
                refuse_construct(node)
            parts.append(f"{word} {self.write(count)}")
        return parts

    def _projection(self, node: Any) -> str:
        if not isinstance(node, exp.Alias):
            return self.write(node)
        this, alias = take(node, "this", "alias")
        return f"{self.write(this)} AS {quote(fold(alias))}"

    def _distinct(self, node: Any) -> str:
        if node is None:
            return ""
        (on,) = take(node, "on")
        if on is None:
            return "DISTINCT "
        columns = take(on, "expressions")[0] if isinstance(on, exp.Tuple) else [on]
        return f"DISTINCT ON ({self.write_all(columns)}) "

    def _condition(self, node: Any, word: str) -> str:
        return f"{word} {self.write(take(node, 'this')[0])}" if node is not None else ""

    def _group(self, node: Any) -> str:
        return f"GROUP BY {self.write_all(take(node, 'expressions')[0])}" if node is not None else ""

    # --- where rows come from -----------------------------------------------------------------------

    def _source(self, node: Any) -> str:
        self._tables += 1
        if self._tables > MAX_TABLES:
            refuse("A consulta usa tabelas demais.")
        if isinstance(node, exp.Subquery):
            query, alias = take(node, "this", "alias")
            inside = f"({self.write_query(query)})"
        elif isinstance(node, exp.Table):
            this, database, alias = take(node, "this", "db", "alias")
            if isinstance(this, exp.Anonymous):
                refuse("Funções não podem ser usadas no lugar de tabelas.")
            return self._table(this, database, alias)
        else:
            refuse_construct(node)
        name, columns = self._alias(alias) if alias is not None else ("", "")
        return f"{inside} AS {quote(name)}{columns}" if name else inside

    def _table(self, this: Any, database: Any, alias: Any) -> str:
        name = fold(this)
        renamed, columns = self._alias(alias) if alias is not None else (name, "")
        part = None if database else next((s[name] for s in reversed(self._scopes) if name in s), None)
        if part is not None:
            return f"{part} AS {quote(renamed)}{columns}"
        is_ours = database is None or fold(database) == self._schema
        if not is_ours or name not in self._allowed or not is_plain(name):
            raise errors.Rejected(
                f"A tabela {shown(name)} não está entre as tabelas permitidas da integração.",
                code="TABLE_NOT_ALLOWED",
            )
        return f"{quote(self._schema)}.{quote(name)} AS {quote(renamed)}{columns}"

    def _alias(self, node: Any) -> tuple[str, str]:
        this, columns = take(node, "this", "columns") if isinstance(node, exp.TableAlias) else (None, None)
        names = [quote(fold(column)) for column in columns or []]
        return fold(this), f"({', '.join(names)})" if names else ""

    def _join(self, node: Any) -> str:
        this, side, kind, on, using = take(node, "this", "side", "kind", "on", "using")
        if str(kind or "").upper() not in ("", "INNER", "OUTER") or str(side or "").upper() not in _SIDES:
            refuse_construct(node)
        joined = f"{side or ''} JOIN {self._source(this)}".strip()
        if using and on is None:
            return f"{joined} USING ({', '.join(quote(fold(column)) for column in using)})"
        if on is None or not self._ties(on):
            refuse(
                "Cada tabela precisa de JOIN … ON com uma igualdade entre colunas das tabelas, ou de USING."
            )
        return f"{joined} ON {self.write(on)}"

    def _ties(self, on: Any) -> bool:
        """Tell whether a condition ties two tables: without, every row would meet every other."""
        conditions = on.unnest().flatten() if isinstance(on.unnest(), exp.And) else [on]
        for one in conditions:
            equal = one.unnest()
            if isinstance(equal, exp.EQ):
                sides = [equal.this.find(exp.Column), equal.expression.find(exp.Column)]
                if None not in sides and self.write(sides[0]) != self.write(sides[1]):
                    tables = [side.args.get("table") for side in sides]
                    if None in tables or fold(tables[0]) != fold(tables[1]):
                        return True
        return False
