"""Writes over triggers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from triggers import schemas
from triggers.models import Trigger


def create_trigger(client_id: UUID, *, name: str, description: str | None = None, **parts: Any) -> Trigger:
    """Validate and save a trigger, switched on; raises `InvalidTriggerConfig`.

    Conversations that are idle already are found by the next sweep, once.
    """
    checked = schemas.validate_parts(**parts)
    return Trigger.objects.create(
        client_id=client_id,
        name=name,
        description=description,
        delay_seconds=int(checked.when.delay.total_seconds()),
        **parts,
    )
