from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from triggers.conditions.base import ConditionType


class AlwaysConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


TYPE = ConditionType(config=AlwaysConfig, sql="true", matches=lambda _config, _conversation: True)
