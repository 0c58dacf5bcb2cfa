from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from renum import clock

if TYPE_CHECKING:
    from integrations.models import OutboundMessage


class OutboundQuerySet(models.QuerySet["OutboundMessage"]):
    def due(self, priority: Any) -> OutboundQuerySet:
        """Queued in this lane, and to be tried by now."""
        return self.filter(state="queued", priority=priority, next_attempt_at__lte=clock.now())
