from __future__ import annotations

from django.db.models import BooleanField, Q, Value
from pydantic import BaseModel, ConfigDict

from triggers.conditions.base import ConditionType


class AlwaysConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


TYPE = ConditionType(
    config=AlwaysConfig,
    matches=lambda _config, _facts: True,
    # not an empty Q, which Django drops from `|` and `~`
    filter=lambda _config, _now: Q(Value(True, output_field=BooleanField())),
)
