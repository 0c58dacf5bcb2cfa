"""A text contains another, whatever the case and the accents: "agendar" is in "AGENDÁR às 15h".

Both are folded alike in Python and in Postgres: decomposed (NFD), without the marks U+0300 to U+036F, and
the letters A to Z made small. So it holds for all that Portuguese writes; in Greek or Cyrillic case counts.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from django.db.models import Expression as Computed
from django.db.models import Func, Q, TextField, Value
from django.db.models.functions import Collate, Lower, StrIndex
from django.db.models.lookups import Exact, GreaterThan
from pydantic import BaseModel, ConfigDict, field_validator

from triggers.conditions.base import ConditionType
from triggers.conditions.values import column_of, definite, json_text, json_type, known_field, parse_text
from triggers.facts import Facts
from triggers.fields import Expression, find_field

_MARKS = re.compile("[\u0300-\u036f]")
_SMALL = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fold(text: str) -> str:
    """The text as it is compared."""
    return _MARKS.sub("", unicodedata.normalize("NFD", text)).translate(_SMALL)


def folded(text: Expression) -> Computed:
    decomposed = Func(text, function="normalize", template="%(function)s(%(expressions)s, NFD)")
    bare = Func(
        decomposed,
        Value(r"[\u0300-\u036f]"),
        Value(""),
        Value("g"),
        function="regexp_replace",
        output_field=TextField(),
    )
    return Lower(Collate(bare, "C"))  # which knows no letters but A to Z


class FieldContainsConfig(BaseModel):
    """`field`: one with free text, an attribute, or of an event."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    field: str
    value: str

    @field_validator("field")
    @classmethod
    def _is_free_text(cls, name: str) -> str:
        field = find_field(known_field(name))
        if field is None or field.values or field.type not in ("text", "any"):
            raise ValueError("não é um campo de texto livre; use field_equals")
        return name

    @field_validator("value")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not fold(parse_text(value)):
            raise ValueError("deve ter ao menos uma letra, número ou sinal")
        return value


def _matches(config: FieldContainsConfig, facts: Facts) -> bool:
    found = facts.read(config.field)
    return isinstance(found, str) and fold(config.value) in fold(found)


def _filter(config: FieldContainsConfig, _now: datetime) -> Q:
    field, column = column_of(config.field)
    text = json_text(column) if field.type == "any" else column
    contains = Q(definite(GreaterThan(StrIndex(folded(text), Value(fold(config.value))), Value(0))))
    if field.type == "any":
        contains &= Q(definite(Exact(json_type(column), Value("string"))))
    return contains


TYPE = ConditionType(
    config=FieldContainsConfig, matches=_matches, filter=_filter, fields=lambda config: {config.field}
)
