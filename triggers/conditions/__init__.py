"""SE: one file a condition type, and the registry."""

from __future__ import annotations

from triggers.conditions import always, field_equals
from triggers.conditions.base import ConditionType

REGISTRY: dict[str, ConditionType] = {
    "always": always.TYPE,
    "field_equals": field_equals.TYPE,
}


def sql() -> str:
    """One boolean expression over `t` (triggers) and `c` (conversations) for every condition type.

    It reads each trigger's own condition, so that one statement matches all triggers. A condition
    that is no longer known matches: its execution then fails, and says why.
    """
    cases = " ".join(f"WHEN '{name}' THEN {condition.sql}" for name, condition in REGISTRY.items())
    return f"CASE t.condition_type {cases} ELSE true END"


__all__ = ["REGISTRY", "ConditionType", "sql"]
