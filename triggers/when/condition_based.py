"""When the condition becomes true for a conversation; again only after it was false."""

from __future__ import annotations

from triggers.when.base import WhenConfig


class ConditionBasedConfig(WhenConfig):
    """Nothing to say: SE says it. The moments in it are clocks of the trigger."""
