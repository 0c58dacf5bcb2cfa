"""QUANDO: one file a trigger type, and the registry."""

from __future__ import annotations

from triggers.when.base import WhenConfig
from triggers.when.condition_based import ConditionBasedConfig
from triggers.when.event_based import EventBasedConfig
from triggers.when.time_based import TimeBasedConfig

REGISTRY: dict[str, type[WhenConfig]] = {
    "time_based": TimeBasedConfig,
    "event_based": EventBasedConfig,
    "condition_based": ConditionBasedConfig,
}

__all__ = ["REGISTRY", "ConditionBasedConfig", "EventBasedConfig", "TimeBasedConfig", "WhenConfig"]
