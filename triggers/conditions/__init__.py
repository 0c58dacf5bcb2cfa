"""SE: one file a condition type, and the registry."""

from __future__ import annotations

from triggers.conditions import all_of, always, any_of, field_contains, field_equals, negation, time_elapsed
from triggers.conditions.base import REGISTRY, ConditionType

REGISTRY |= {
    "always": always.TYPE,
    "field_equals": field_equals.TYPE,
    "field_contains": field_contains.TYPE,
    "time_elapsed": time_elapsed.TYPE,
    "all": all_of.TYPE,
    "any": any_of.TYPE,
    "not": negation.TYPE,
}

__all__ = ["REGISTRY", "ConditionType"]
