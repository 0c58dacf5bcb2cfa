"""What a condition compares: values of four types, the same to Python and to the database.

A field without a value is like nothing, larger and smaller than nothing. A client's own attribute and an
event's data have any type; they are like a value of its very type only: 1 is not "1", and not true.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, DateTimeField, DecimalField, Func, JSONField, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from renum.conversations.attributes import YEARS, value_problem
from triggers.fields import ATTRIBUTES, EVENT, FIELDS, Expression, Field, Type, find_field

# --- What people write --------------------------------------------------------------------------------


def known_field(name: str) -> str:
    """The name again; raises `ValueError` for a field that may not be looked at."""
    if find_field(name) is None:
        raise ValueError(f"use um de: {', '.join(FIELDS)}, {ATTRIBUTES}<nome>, {EVENT}<nome>")
    return name


def parse_value(field: Field, value: Any) -> Any:
    """The value, to be compared with the field's; raises `ValueError` if it is of another type."""
    if field.values and value not in field.values:
        raise ValueError(f"use um de: {', '.join(field.values)}")
    return _PARSERS[field.type](value)


def parse_text(value: Any) -> str:
    """A text that the database can hold; raises `ValueError`."""
    if not isinstance(value, str):
        raise ValueError("deve ser um texto")
    return str(_parse_any(value))


def parse_number(value: Any) -> int | float:
    """A finite number of at most 15 digits; raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("deve ser um número")
    _parse_any(value)
    return value


def _parse_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("deve ser true ou false")
    return value


def _parse_instant(value: Any) -> datetime:
    instant: datetime | None = None
    with suppress(TypeError, ValueError):
        instant = datetime.fromisoformat(value)
    if instant is None or instant.tzinfo is None or instant.year not in YEARS:
        raise ValueError("deve ser um instante com fuso, como 2026-05-31T09:00:00-03:00")
    return instant


def _parse_any(value: Any) -> Any:
    if problem := value_problem(value):
        raise ValueError(problem)
    return value


_PARSERS: dict[Type, Callable[[Any], Any]] = {
    "text": parse_text,
    "number": parse_number,
    "boolean": _parse_boolean,
    "instant": _parse_instant,
    "any": _parse_any,
}


def refuse_items(problems: Mapping[int, str]) -> ValidationError:
    """The error for items of a list, by position."""
    return ValidationError.from_exception_data(
        "list",
        [
            {
                "type": PydanticCustomError("value_error", "{error}", {"error": problem}),
                "loc": (position,),
                "input": None,
            }
            for position, problem in problems.items()
        ],
    )


# --- In Python ----------------------------------------------------------------------------------------


def comparable(value: Any) -> tuple[str, Any] | None:
    """Its type, and what it is compared by; None of what is no value."""
    match value:
        case bool():
            return "boolean", value
        case int() | float():
            return "number", value
        case str():
            return "text", value
        case datetime():
            return "instant", value
        case _:
            return None


# --- In the database ----------------------------------------------------------------------------------


def column_of(name: str) -> tuple[Field, Expression]:
    """The field and its expression over conversations; raises `ValueError` for an event's."""
    field = find_field(name)
    if field is None or field.column is None:
        raise ValueError(f"{name} is no field of a conversation")
    return field, field.column()


def literal(field: Field, value: Any) -> Combinable:
    """A value to compare with the field's column."""
    match field.type:
        case "any":
            return Cast(Value(json.dumps(value), output_field=TextField()), JSONField())
        case "number":
            return Value(Decimal(repr(value)), output_field=DecimalField())
        case "instant":
            return Value(value, output_field=DateTimeField())
        case "boolean":
            return Value(value, output_field=BooleanField())
        case _:
            return Value(value, output_field=TextField())


def definite(condition: Any) -> Coalesce:
    """True or false: what is unknown, because a column is null, is false."""
    return Coalesce(condition, Value(False), output_field=BooleanField())


def json_type(column: Expression) -> Func:
    """Postgres's word for the type of a JSON value; null of a null."""
    return Func(column, function="jsonb_typeof", output_field=TextField())


def json_text(column: Expression) -> Func:
    """A JSON text as text."""
    return Func(column, template="(%(expressions)s #>> '{}')", output_field=TextField())
