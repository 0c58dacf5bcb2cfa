"""Calls of functions written anew: those on the list, qualified so that no function of the client's can
stand in for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sqlglot import exp

from integrations.providers.postgres import grammar
from integrations.providers.postgres.expressions import (
    Expressions,
    fold,
    quote,
    refuse,
    refuse_construct,
    shown,
    take,
)

MAX_PADDING = 200
_BOUNDS = frozenset({"preceding", "following"})


class Functions(Expressions):
    """Writes expressions with calls in them."""

    def _substring(self, node: exp.Expr) -> str:
        """With two texts it would be a regular expression, so the place is made a number."""
        this, *places = take(node, "this", "start", "length")
        numbers = [f"CAST({self.write(place)} AS pg_catalog.int4)" for place in places if place is not None]
        if places[0] is None:
            refuse_construct(node)
        return f'pg_catalog."substring"({", ".join([self.write(this), *numbers])})'

    def _trim(self, node: exp.Expr) -> str:
        this, position, letters = take(node, "this", "position", "expression")
        name = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "btrim", None: "btrim"}.get(position)
        if name is None:
            refuse_construct(node)
        return f"pg_catalog.{quote(name)}({self.write_all(filter(None, [this, letters]))})"

    def _position(self, node: exp.Expr) -> str:
        this, part = take(node, "this", "substr")
        return f'pg_catalog."position"({self.write(this)}, {self.write(part)})'

    def _call(self, node: exp.Expr) -> str:
        name, arguments = self._function(node)
        if name in grammar.WINDOWS:
            refuse(f"A função {name} precisa de OVER.")
        return self._written_call(name, arguments)

    def _function(self, node: exp.Expr) -> tuple[str, list[Any]]:
        this, arguments = take(node, "this", "expressions")
        name = fold(this if isinstance(this, exp.Expr) else exp.Identifier(this=this, quoted=False))
        if name not in grammar.FUNCTIONS:
            refuse(f"A função {shown(name)} não é permitida.")
        return name, list(arguments or [])

    def _written_call(self, name: str, arguments: list[Any]) -> str:
        check = _SIZES.get(name)
        if check is not None:
            check(arguments)
        if name in grammar.JOINING:
            self.count_joined(len(arguments))
        if name in grammar.CONDITIONALS:
            return f"{name.upper()}({self.write_all(arguments)})"
        inside = self._aggregated(arguments) if name in grammar.AGGREGATES else self.write_all(arguments)
        return f"pg_catalog.{quote(name)}({inside})"

    def _aggregated(self, arguments: list[Any]) -> str:
        """Arguments that may begin with DISTINCT and end with ORDER BY."""
        distinct = ""
        if len(arguments) == 1 and isinstance(arguments[0], exp.Order):
            (last,) = arguments
            this, _ = take(last, "this", "expressions")
            return f"{self._aggregated([this])} {self.order(last)}"
        if arguments and isinstance(arguments[0], exp.Distinct):
            (first,) = take(arguments[0], "expressions")
            distinct, arguments = "DISTINCT ", [*first, *arguments[1:]]
        *before, last = arguments or [None]
        if isinstance(last, exp.Order):
            this, _ = take(last, "this", "expressions")
            return f"{distinct}{self.write_all([*before, this])} {self.order(last)}"
        return distinct + self.write_all(arguments)

    def order(self, node: Any) -> str:
        """ORDER BY, whose own `this` is somebody else's."""
        return f"ORDER BY {', '.join(map(self._ordered, node.args.get('expressions') or []))}"

    def _ordered(self, node: Any) -> str:
        if not isinstance(node, exp.Ordered):
            refuse_construct(node)
        this, descending, nulls_first = take(node, "this", "desc", "nulls_first")
        direction = "DESC" if descending else "ASC"
        return f"{self.write(this)} {direction} NULLS {'FIRST' if nulls_first else 'LAST'}"

    def _filtered(self, node: exp.Expr) -> str:
        this, where = take(node, "this", "expression")
        if not isinstance(this, exp.Anonymous | exp.WithinGroup) or not isinstance(where, exp.Where):
            refuse_construct(node)
        (condition,) = take(where, "this")
        return f"{self.write(this)} FILTER (WHERE {self.write(condition)})"

    def _within_group(self, node: exp.Expr) -> str:
        this, order = take(node, "this", "expression")
        if not isinstance(this, exp.Anonymous) or not isinstance(order, exp.Order):
            refuse_construct(node)
        take(order, "expressions")
        return f"{self.write(this)} WITHIN GROUP ({self.order(order)})"

    def _window(self, node: exp.Expr) -> str:
        this, by, order, spec, _ = take(node, "this", "partition_by", "order", "spec", "over")
        if isinstance(this, exp.Anonymous):
            function = self._written_call(*self._function(this))
        elif isinstance(this, exp.Filter):
            function = self.write(this)
        else:
            refuse_construct(node)
        parts = [f"PARTITION BY {self.write_all(by)}" if by else ""]
        parts += [self.order(order) if order else "", self._frame(spec) if spec else ""]
        return f"{function} OVER ({' '.join(filter(None, parts))})"

    def _frame(self, node: exp.Expr) -> str:
        kind, *bounds = take(node, "kind", "start", "start_side", "end", "end_side")
        if str(kind).lower() not in ("rows", "range", "groups"):
            refuse_construct(node)
        start = self._bound(bounds[0], bounds[1])
        if bounds[2] is None:
            return f"{kind} {start}"
        return f"{kind} BETWEEN {start} AND {self._bound(bounds[2], bounds[3])}"

    def _bound(self, value: Any, side: Any) -> str:
        if value == "CURRENT ROW":
            return "CURRENT ROW"
        if str(side).lower() not in _BOUNDS:
            refuse_construct(value)
        return f"{'UNBOUNDED' if value == 'UNBOUNDED' else self.write(value)} {side}"

    writers: ClassVar[Mapping[type[Any], Callable[..., str]]] = {
        **Expressions.writers,
        exp.Substring: _substring,
        exp.Trim: _trim,
        exp.StrPosition: _position,
        exp.Anonymous: _call,
        exp.Filter: _filtered,
        exp.WithinGroup: _within_group,
        exp.Window: _window,
    }


def _check_padding(arguments: list[Any]) -> None:
    width = arguments[1] if len(arguments) > 1 else None
    text = width.this if isinstance(width, exp.Literal) and not width.is_string else ""
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or int(text) > MAX_PADDING:
        refuse(f"lpad e rpad recebem um tamanho escrito na consulta, até {MAX_PADDING}.")


def _check_replacement(arguments: list[Any]) -> None:
    texts = [one.this for one in arguments[1:] if isinstance(one, exp.Literal) and one.is_string]
    if len(arguments) != 3 or len(texts) != 2 or len(texts[1]) > len(texts[0]):
        refuse("replace troca um texto escrito na consulta por outro que não seja maior.")


def _check_format(arguments: list[Any]) -> None:
    if len(arguments) != 2 or not isinstance(arguments[1], exp.Literal | exp.Placeholder):
        refuse("to_char recebe um formato escrito na consulta.")


_SIZES: Mapping[str, Callable[[list[Any]], None]] = {
    "lpad": _check_padding,
    "rpad": _check_padding,
    "replace": _check_replacement,
    "to_char": _check_format,
}
