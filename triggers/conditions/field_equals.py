"""A field's value compared with a given one, by an operator that fits the field's type.

What has no value is not equal to anything, and neither greater nor less. `is_set` asks whether it has one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from django.db.models import Q, TextField, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Lookup,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from triggers import fields
from triggers.conditions.base import ConditionType
from triggers.conditions.values import (
    column_of,
    comparable,
    definite,
    json_text,
    json_type,
    known_field,
    literal,
    parse_number,
    parse_value,
    refuse_items,
)
from triggers.facts import Facts

Operator = Literal[
    "equals",
    "not_equals",
    "in",
    "is_set",
    "is_not_set",
    "greater_than",
    "greater_or_equal",
    "less_than",
    "less_or_equal",
]
MAX_VALUES = 100
UNARY = ("is_set", "is_not_set")
ORDER = ("greater_than", "greater_or_equal", "less_than", "less_or_equal")
ORDERED: tuple[fields.Type, ...] = ("number", "instant", "any")


class FieldEqualsConfig(BaseModel):
    """`value`: of the field's type; a list for `in`, nothing for `is_set` and `is_not_set`.

    An attribute, and what an event says, may be of any type; they are greater or less as numbers only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    field: str
    operator: Operator = "equals"
    value: Any = Field(default=None, validate_default=True)

    @field_validator("field")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return known_field(name)

    @field_validator("operator")
    @classmethod
    def _fits(cls, name: Operator, info: ValidationInfo) -> Operator:
        field = fields.find_field(info.data.get("field", ""))
        if field and name in ORDER and field.type not in ORDERED:
            fitting = [one for one in get_args(Operator) if one not in ORDER]
            raise ValueError(f"não serve para este campo; use um de: {', '.join(fitting)}")
        return name

    @field_validator("value")
    @classmethod
    def _is_of_the_field(cls, value: Any, info: ValidationInfo) -> Any:
        field = fields.find_field(info.data.get("field", ""))
        name = info.data.get("operator")
        if field is None or name is None:
            return value  # refused already
        if name in UNARY:
            if value is not None:
                raise ValueError(f"não se usa com {name}")
            return None
        if value is None:
            raise ValueError("campo obrigatório")
        if name == "in":
            return _parse_list(field, value)
        if name in ORDER and field.type == "any":
            return parse_number(value)
        return parse_value(field, value)


def _parse_list(field: fields.Field, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        raise ValueError(f"deve ser uma lista de 1 a {MAX_VALUES} valores")
    parsed, problems = [], {}
    for position, item in enumerate(value):
        try:
            parsed.append(parse_value(field, item))
        except ValueError as error:
            problems[position] = str(error)
    if problems:
        raise refuse_items(problems)
    return tuple(parsed)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """An operator in both forms: over the value found and the one wanted, and over the field's column."""

    matches: Callable[[Any, Any], bool]
    filter: Callable[[fields.Field, fields.Expression, Any], Q]


def _equals(found: Any, wanted: Any) -> bool:
    return comparable(found) == comparable(wanted)


def _equals_in_database(field: fields.Field, column: fields.Expression, wanted: Any) -> Q:
    return Q(definite(Exact(column, literal(field, wanted))))


def _is_among(found: Any, wanted: tuple[Any, ...]) -> bool:
    return any(_equals(found, one) for one in wanted)


def _is_among_in_database(field: fields.Field, column: fields.Expression, wanted: tuple[Any, ...]) -> Q:
    return Q(definite(In(column, [literal(field, one) for one in wanted])))


def _is_set(found: Any, _wanted: None) -> bool:
    return found is not None and found != ""


def _is_set_in_database(field: fields.Field, column: fields.Expression, _wanted: None) -> Q:
    if field.type not in ("text", "any"):
        return Q(IsNull(column, False))
    text = json_text(column) if field.type == "any" else column
    return ~Q(Exact(Coalesce(text, Value(""), output_field=TextField()), Value("")))


def _order(compare: Callable[[Any, Any], bool], lookup: type[Lookup[Any]]) -> _Meaning:
    def matches(found: Any, wanted: Any) -> bool:
        left, right = comparable(found), comparable(wanted)
        return left is not None and right is not None and left[0] == right[0] and compare(left[1], right[1])

    def in_database(field: fields.Field, column: fields.Expression, wanted: Any) -> Q:
        ordered = Q(definite(lookup(column, literal(field, wanted))))
        if field.type == "any":  # to Postgres, a JSON text is less than any number
            ordered &= Q(definite(Exact(json_type(column), Value("number"))))
        return ordered

    return _Meaning(matches, in_database)


_MEANINGS: dict[str, _Meaning] = {
    "equals": _Meaning(_equals, _equals_in_database),
    "not_equals": _Meaning(
        lambda found, wanted: not _equals(found, wanted),
        lambda field, column, wanted: ~_equals_in_database(field, column, wanted),
    ),
    "in": _Meaning(_is_among, _is_among_in_database),
    "is_set": _Meaning(_is_set, _is_set_in_database),
    "is_not_set": _Meaning(
        lambda found, wanted: not _is_set(found, wanted),
        lambda field, column, wanted: ~_is_set_in_database(field, column, wanted),
    ),
    "greater_than": _order(operator.gt, GreaterThan),
    "greater_or_equal": _order(operator.ge, GreaterThanOrEqual),
    "less_than": _order(operator.lt, LessThan),
    "less_or_equal": _order(operator.le, LessThanOrEqual),
}


def _matches(config: FieldEqualsConfig, facts: Facts) -> bool:
    return _MEANINGS[config.operator].matches(facts.read(config.field), config.value)


def _filter(config: FieldEqualsConfig, _now: datetime) -> Q:
    field, column = column_of(config.field)
    return _MEANINGS[config.operator].filter(field, column, config.value)


TYPE = ConditionType(
    config=FieldEqualsConfig, matches=_matches, filter=_filter, fields=lambda config: {config.field}
)
