"""The picture over the list of connections: how many of each type work, and what is wrong with the others."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db import models
from django.db.models import Case, Count, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from integrations.models import Integration


class Condition(models.TextChoices):
    """What a connection is to whoever looks after it: the first of these that holds, from the last up."""

    CONNECTED = "connected", _("Conectadas")
    PAUSED = "paused", _("Pausadas")
    INTERRUPTED = "interrupted", _("Interrompidas")
    DISCONNECTED = "disconnected", _("Desconectadas")
    ERROR = "error", _("Com erro")
    DISABLED = "disabled", _("Desativadas")
    REMOVED = "removed", _("Removidas")


COLOURS = {
    Condition.CONNECTED: "#16a34a",
    Condition.PAUSED: "#2563eb",
    Condition.INTERRUPTED: "#f97316",
    Condition.DISCONNECTED: "#eab308",
    Condition.ERROR: "#dc2626",
    Condition.DISABLED: "#9ca3af",
}

_CONDITION = Case(
    When(removed_at__isnull=False, then=Value(Condition.REMOVED.value)),
    When(enabled=False, then=Value(Condition.DISABLED.value)),
    When(status=Integration.Status.ERROR, then=Value(Condition.ERROR.value)),
    When(status=Integration.Status.DISCONNECTED, then=Value(Condition.DISCONNECTED.value)),
    When(delivery_state__open_until__isnull=False, then=Value(Condition.INTERRUPTED.value)),
    When(paused=True, then=Value(Condition.PAUSED.value)),
    default=Value(Condition.CONNECTED.value),
)


class ConditionFilter(DropdownFilter):  # type: ignore[misc]
    """The same conditions as in the picture, which links here."""

    title = _("condição")
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Condition.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in Condition.values:
            return queryset
        found: QuerySet[Any] = queryset.alias(condition=_CONDITION).filter(condition=self.value())
        return found


def connection_pictures() -> list[dict[str, Any]]:
    """For each type a bar of what its connections are like, from one query over the connections."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    rows = (
        Integration.objects.current()
        .values("type", condition=_CONDITION)
        .annotate(count=Count("id"))
        .order_by()
    )
    for row in rows:
        counts[row["type"]][row["condition"]] = row["count"]
    return [_picture(kind, counts[kind.value]) for kind in Integration.Type]


def _picture(kind: Integration.Type, counts: dict[str, int]) -> dict[str, Any]:
    total = sum(counts.values())
    list_url = reverse("admin:integrations_integration_changelist")
    parts: list[dict[str, Any]] = []
    at = 0.0
    for condition, colour in COLOURS.items():
        count = counts.get(condition.value, 0)
        if not count:
            continue
        width = 100 * count / total
        parts.append(
            {
                "label": condition.label,
                "count": count,
                "colour": colour,
                "x": f"{at:.3f}",  # as SVG writes numbers, not as Portuguese does
                "width": f"{width:.3f}",
                "url": f"{list_url}?type__exact={kind.value}&condition={condition.value}",
            }
        )
        at += width
    return {"title": kind.label, "total": total, "parts": parts}
