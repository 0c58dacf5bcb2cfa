"""Expressions written anew from what was parsed: an unknown node, or an unknown part of a known one, is
refused, and nothing of the text that came in is passed on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

from sqlglot import exp

from integrations import errors
from integrations.providers.postgres import grammar
from integrations.providers.tables import MAX_TEXT, is_plain

MAX_DEPTH = 100
MAX_NODES = 1500
# Texts that are put together: each nesting doubles the length of what a row may come to.
MAX_JOINED = 32
_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_PARAMETER = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


def refuse(sentence: str) -> NoReturn:
    raise errors.Rejected(sentence, code="SQL_NOT_ALLOWED")


def refuse_construct(node: Any, part: str = "") -> NoReturn:
    """Refuse a node, or a part of it that is known by its name."""
    title = _title(node) + (f" ({part.strip('_').replace('_', ' ').upper()})" if part else "")
    refuse(f"A consulta usa uma construção que não é permitida: {title}.")


def _title(node: Any) -> str:
    """The kind of a node in capitals; none of the query's own words."""
    name = type(node).__name__ if isinstance(node, exp.Expr) else "SQL"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).upper()


def shown(name: str) -> str:
    """A name as a refusal may quote it."""
    return name if is_plain(name) else "(nome não simples)"


def fold(identifier: Any) -> str:
    """A name as Postgres understands it: in small letters unless it was quoted."""
    if not isinstance(identifier, exp.Identifier) or not isinstance(identifier.this, str):
        refuse_construct(identifier)
    name: str = identifier.this
    if not name or "\x00" in name or len(name.encode(errors="replace")) > 63:
        refuse("Há um nome que o banco de dados não aceita.")
    if identifier.args.get("quoted"):
        return name
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as SQL, whatever `standard_conforming_strings` is."""
    if len(text) > MAX_TEXT or "\x00" in text:
        refuse("Há um texto que não pode ser usado na consulta.")
    doubled = text.replace("'", "''")
    return f" E'{doubled.replace(chr(92), chr(92) * 2)}'" if "\\" in doubled else f"'{doubled}'"


def take(node: exp.Expr, *names: str) -> list[Any]:
    """The parts of a node; a part that is there and not asked for is refused."""
    for name, value in node.args.items():
        if name not in names and value is not None and value is not False and value != []:
            refuse_construct(node, name)
    return [node.args.get(name) for name in names]


class Expressions:
    """Writes expressions. `parameters`: the placeholders met, `$1` first."""

    def __init__(self) -> None:
        self.parameters: list[str] = []
        self._depth = self._nodes = self._joined = 0

    def write(self, node: Any) -> str:
        """The expression as SQL that can stand anywhere; raises `Rejected`."""
        writer = self.writers.get(type(node))
        if writer is None:
            refuse_construct(node)
        with self.nested():
            return writer(self, node)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count a level and a node; raises `Rejected` where there are too many."""
        self._nodes += 1
        if self._depth >= MAX_DEPTH or self._nodes > MAX_NODES:
            refuse("A consulta é grande ou aninhada demais.")
        self._depth += 1
        yield
        self._depth -= 1

    def write_all(self, nodes: Any) -> str:
        return ", ".join(self.write(node) for node in nodes or [])

    def count_joined(self, pieces: int) -> None:
        self._joined += pieces
        if self._joined > MAX_JOINED:
            refuse("A consulta junta textos demais.")

    def write_query(self, node: Any) -> str:
        """A query, without parentheses around it."""
        raise NotImplementedError

    # --- what stands alone ------------------------------------------------------------------------

    def _literal(self, node: exp.Expr) -> str:
        text, is_string = take(node, "this", "is_string")
        if is_string:
            return text_literal(text)
        if not _NUMBER.fullmatch(text):
            refuse("Há um número que não pode ser usado na consulta.")
        return str(text)

    def _constant(self, node: exp.Expr) -> str:
        take(node)
        return grammar.CONSTANTS[type(node)]

    def _boolean(self, node: exp.Expr) -> str:
        (value,) = take(node, "this")
        return "TRUE" if value else "FALSE"

    def _placeholder(self, node: exp.Expr) -> str:
        (name,) = take(node, "this")
        if not isinstance(name, str) or not _PARAMETER.fullmatch(name):
            refuse("Os parâmetros são escritos como :nome, em letras minúsculas.")
        if name not in self.parameters:
            self.parameters.append(name)
        return f"${self.parameters.index(name) + 1}"

    def _column(self, node: exp.Expr) -> str:
        this, table = take(node, "this", "table")
        prefix = quote(fold(table)) + "." if table else ""
        if isinstance(this, exp.Star):
            return prefix + self.write(this)
        name = fold(this)
        is_word = not table and not this.args.get("quoted") and name in grammar.SESSION_WORDS
        # `row.name` also calls a function of that name on the row; pg_catalog's telling ones begin so.
        if is_word or name in grammar.SYSTEM_COLUMNS or name.startswith("pg_"):
            refuse(f"A coluna {shown(name)} não é permitida.")
        return prefix + quote(name)

    def _star(self, node: exp.Expr) -> str:
        take(node)
        return "*"

    # --- operators --------------------------------------------------------------------------------

    def _binary(self, node: exp.Expr) -> str:
        # `typed`, `safe`: how other dialects would divide and join.
        left, right, negate, *_ = take(node, "this", "expression", "negate", "typed", "safe")
        if isinstance(node, exp.DPipe):
            self.count_joined(2)
        operator = grammar.BINARIES[type(node)]
        if negate:
            if not isinstance(node, exp.Like | exp.ILike):
                refuse_construct(node)
            operator = f"NOT {operator}"
        return f"({self.write(left)} {operator} {self._right(node, right)})"

    def _right(self, node: exp.Expr, right: Any) -> str:
        if not isinstance(right, exp.Any) or not isinstance(node, exp.EQ | exp.NEQ):
            return self.write(right)
        (inside,) = take(right, "this")
        if isinstance(inside, exp.Paren):
            (inside,) = take(inside, "this")
        if isinstance(inside, exp.Query):
            return f"ANY ({self.write_query(inside)})"
        if not isinstance(inside, exp.Column):
            refuse_construct(right)
        return f"ANY ({self.write(inside)})"

    def _escape(self, node: exp.Expr) -> str:
        like, escape = take(node, "this", "expression")
        if not isinstance(like, exp.Like | exp.ILike) or not isinstance(escape, exp.Literal):
            refuse_construct(node)
        return f"({self.write(like)[1:-1]} ESCAPE {self.write(escape)})"

    def _not(self, node: exp.Expr) -> str:
        (this,) = take(node, "this")
        return f"(NOT {self.write(this)})"

    def _negative(self, node: exp.Expr) -> str:
        (this,) = take(node, "this")
        return f"(- {self.write(this)})"

    def _paren(self, node: exp.Expr) -> str:
        (this,) = take(node, "this")
        return f"({self.write(this)})"

    def _is(self, node: exp.Expr) -> str:
        this, what, negate = take(node, "this", "expression", "negate")
        if not isinstance(what, exp.Null | exp.Boolean):
            refuse_construct(node)
        return f"({self.write(this)} IS {'NOT ' if negate else ''}{self.write(what)})"

    def _between(self, node: exp.Expr) -> str:
        this, low, high = map(self.write, take(node, "this", "low", "high"))
        return f"({this} BETWEEN {low} AND {high})"

    def _in(self, node: exp.Expr) -> str:
        this, values, query = take(node, "this", "expressions", "query")
        inside = self.write(query)[1:-1] if isinstance(query, exp.Subquery) else self.write_all(values)
        if not inside or (query is not None and not isinstance(query, exp.Subquery)):
            refuse_construct(node)
        return f"({self.write(this)} IN ({inside}))"

    def _case(self, node: exp.Expr) -> str:
        this, ifs, default = take(node, "this", "ifs", "default")
        parts = ["CASE", self.write(this) if this else ""]
        for one in ifs:
            condition, value = take(one, "this", "true")
            parts.append(f"WHEN {self.write(condition)} THEN {self.write(value)}")
        parts.append(f"ELSE {self.write(default)}" if default else "")
        return f"{' '.join(filter(None, parts))} END"

    def _exists(self, node: exp.Expr) -> str:
        (query,) = take(node, "this")
        return f"EXISTS ({self.write_query(query)})"

    def _subquery(self, node: exp.Expr) -> str:
        (query,) = take(node, "this")
        return f"({self.write_query(query)})"

    # --- types and moments ------------------------------------------------------------------------

    def _cast(self, node: exp.Expr) -> str:
        this, to = take(node, "this", "to")
        return f"CAST({self.write(this)} AS {self._type(to)})"

    def _type(self, node: Any) -> str:
        known = grammar.TYPES.get(node.this) if isinstance(node, exp.DataType) else None
        if known is None:
            refuse("A consulta converte para um tipo que não é permitido.")
        name, limits = known
        _, parameters = take(node, "this", "expressions")
        sizes = [self._size(one) for one in parameters or []]
        if len(sizes) > len(limits) or any(size > limit for size, limit in zip(sizes, limits, strict=False)):
            refuse("A consulta converte para um tipo que não é permitido.")
        if name == "bpchar" and not sizes:
            sizes = [1]  # `char` alone is one character, `bpchar` alone has no limit
        return f"pg_catalog.{name}" + (f"({', '.join(map(str, sizes))})" if sizes else "")

    def _size(self, node: Any) -> int:
        (literal,) = take(node, "this") if isinstance(node, exp.DataTypeParam) else (None,)
        text = literal.this if isinstance(literal, exp.Literal) and not literal.is_string else ""
        if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII):
            refuse_construct(node)
        return int(text)

    def _interval(self, node: exp.Expr) -> str:
        this, unit = take(node, "this", "unit")
        if not isinstance(this, exp.Literal) or not this.is_string:
            refuse_construct(node)
        named = str(unit.this).lower() if isinstance(unit, exp.Var) else ""
        if unit is not None and named not in grammar.INTERVAL_UNITS:
            refuse_construct(node)
        return f"CAST({text_literal(f'{this.this} {named}'.strip())} AS pg_catalog.interval)"

    def _extract(self, node: exp.Expr) -> str:
        part, this = take(node, "this", "expression")
        name = str(part.this).lower() if isinstance(part, exp.Var) else ""
        if name not in grammar.MOMENT_PARTS:
            refuse_construct(node)
        return f"EXTRACT({name} FROM {self.write(this)})"

    def _at_time_zone(self, node: exp.Expr) -> str:
        this, zone = take(node, "this", "zone")
        return f"({self.write(this)} AT TIME ZONE {self.write(zone)})"

    writers: ClassVar[Mapping[type[Any], Callable[..., str]]] = {
        **dict.fromkeys(grammar.BINARIES, _binary),
        **dict.fromkeys(grammar.CONSTANTS, _constant),
        exp.Literal: _literal,
        exp.Boolean: _boolean,
        exp.Placeholder: _placeholder,
        exp.Column: _column,
        exp.Star: _star,
        exp.Escape: _escape,
        exp.Not: _not,
        exp.Neg: _negative,
        exp.Paren: _paren,
        exp.Is: _is,
        exp.Between: _between,
        exp.In: _in,
        exp.Case: _case,
        exp.Exists: _exists,
        exp.Subquery: _subquery,
        exp.Cast: _cast,
        exp.Interval: _interval,
        exp.Extract: _extract,
        exp.AtTimeZone: _at_time_zone,
    }
