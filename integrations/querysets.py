from __future__ import annotations

from typing import Any

from django.db import models

from renum import clock


class OutboundQuerySet(models.QuerySet[Any]):
    def due(self, priority: int) -> OutboundQuerySet:
        """Queued in this lane, and to be tried by now."""
        return self.filter(state="queued", priority=priority, next_attempt_at__lte=clock.now())
