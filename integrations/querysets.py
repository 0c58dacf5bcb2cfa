from __future__ import annotations

from typing import Any

from django.db import models

from renum import clock


class IntegrationQuerySet(models.QuerySet[Any]):
    def current(self) -> IntegrationQuerySet:
        """Those that were not removed."""
        return self.filter(removed_at=None)

    def enabled(self) -> IntegrationQuerySet:
        return self.current().filter(enabled=True)


class OutboundQuerySet(models.QuerySet[Any]):
    def due(self, priority: int) -> OutboundQuerySet:
        """Queued in this lane, and to be tried by now."""
        return self.filter(state="queued", priority=priority, next_attempt_at__lte=clock.now())
