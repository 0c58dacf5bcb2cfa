"""A field of the conversation has exactly this value."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from renum.conversations.models import Conversation
from triggers.conditions.base import ConditionType
from triggers.fields import FIELDS


class FieldEqualsConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    field: str
    operator: Literal["equals"] = "equals"
    value: str

    @model_validator(mode="after")
    def _is_known(self) -> FieldEqualsConfig:
        if self.field not in FIELDS:
            raise ValueError(f"field: use um de {', '.join(FIELDS)}")
        allowed = FIELDS[self.field].values
        if self.value not in allowed:
            raise ValueError(f"value: use um de {', '.join(allowed)}")
        return self


def _matches(config: FieldEqualsConfig, conversation: Conversation) -> bool:
    return FIELDS[config.field].read(conversation) == config.value


_COLUMNS = " ".join(f"WHEN '{name}' THEN {field.column}" for name, field in FIELDS.items())

TYPE = ConditionType(
    config=FieldEqualsConfig,
    # NULL for a field that is no longer known, which then matches and fails with its reason.
    sql=(
        f"coalesce(CASE t.condition_config ->> 'field' {_COLUMNS} END = t.condition_config ->> 'value', true)"
    ),
    matches=_matches,
)
