"""The picture over the lists of agents and of their runs: how the runs of the last days went."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agent_tools.admin.reasons import HARMLESS
from renum import clock
from renum.admin_site import ConsoleAdmin

DAYS = 14
MOST = 20_000  # runs that are counted, the latest: the picture costs the same however many there are (I10)
HEIGHT, BAR, STEP = 100, 28, 40


class Outcome(models.TextChoices):
    """How a run went, as whoever looks after agents sees it; drawn from the ground up."""

    DONE = "done", _("Concluídas")
    OPEN = "open", _("Em andamento")
    DROPPED = "dropped", _("Dispensadas")
    TROUBLED = "troubled", _("Com problema")
    FAILED = "failed", _("Falharam")


COLOURS = {
    Outcome.DONE: "#16a34a",
    Outcome.OPEN: "#2563eb",
    Outcome.DROPPED: "#9ca3af",
    Outcome.TROUBLED: "#f97316",
    Outcome.FAILED: "#dc2626",
}

_COUNTS = """
SELECT day, outcome, count(*) FROM (
    SELECT (created_at AT TIME ZONE %(zone)s)::date AS day,
        CASE WHEN state IN ('pending', 'running') THEN 'open'
             WHEN state = 'failed' THEN 'failed'
             WHEN state = 'superseded' OR reason_code = ANY(%(harmless)s) THEN 'dropped'
             WHEN reason_code <> '' THEN 'troubled'
             WHEN state = 'skipped' THEN 'dropped'
             ELSE 'done' END AS outcome
    FROM agent_runs
    WHERE created_at >= %(since)s {of_client}
    ORDER BY created_at DESC LIMIT %(most)s
) latest GROUP BY day, outcome
"""


def picture_of_runs(client_id: UUID | None = None) -> dict[str, Any]:
    """Bars for the last fourteen days in the staff's zone, by one query that reads a bounded number of runs.

    `client_id`: of this client alone.
    """
    today = timezone.localdate(clock.now())
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    counts = _count(days[0], client_id)
    highest = max((sum(of_day.values()) for of_day in counts.values()), default=0)
    totals = {one: sum(of_day.get(one.value, 0) for of_day in counts.values()) for one in Outcome}
    total = sum(totals.values())
    return {
        "days": [_bar(place, day, counts[day], highest, client_id) for place, day in enumerate(days)],
        "legend": [
            {"label": one.label, "count": count, "colour": COLOURS[one]}
            for one, count in totals.items()
            if count
        ],
        "total": total,
        "is_cut": total >= MOST,
        "most": MOST,
        "width": STEP * DAYS,
        "height": HEIGHT,
    }


def _count(first: date, client_id: UUID | None) -> dict[date, dict[str, int]]:
    counts: dict[date, dict[str, int]] = defaultdict(dict)
    values: dict[str, Any] = {
        "zone": timezone.get_current_timezone_name(),
        "harmless": [reason.value for reason in HARMLESS],
        "since": timezone.make_aware(datetime.combine(first, time.min)),
        "most": MOST,
        "client": client_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(of_client="AND client_id = %(client)s" if client_id else ""), values)
        for day, outcome, count in cursor.fetchall():
            counts[day][outcome] = count
    return counts


def _bar(
    place: int, day: date, counts: dict[str, int], highest: int, client_id: UUID | None
) -> dict[str, Any]:
    parts = []
    top = float(HEIGHT)
    for outcome, colour in COLOURS.items():
        if not (count := counts.get(outcome.value, 0)):
            continue
        size = HEIGHT * count / highest
        top = max(0.0, top - size)
        parts.append(
            {
                "label": outcome.label,
                "count": count,
                "colour": colour,
                "y": f"{top:.3f}",  # as SVG writes numbers, not as Portuguese does
                "height": f"{size:.3f}",
            }
        )
    url = f"{reverse('admin:agent_tools_agentrun_changelist')}?created_at_from={day}&created_at_to={day}"
    return {
        "day": f"{day:%d/%m}",
        "total": sum(counts.values()),
        "x": place * STEP + (STEP - BAR) // 2,
        "bar": BAR,
        "middle": place * STEP + STEP // 2,
        "parts": parts,
        "url": f"{url}&client__id__exact={client_id}" if client_id else url,
    }


class PicturedAdmin(ConsoleAdmin):
    """A list under the picture, which is of one client's runs if the list is."""

    list_before_template = "admin/agent_tools/runs.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        picture = None
        if request.method == "GET" and request.user.has_perm("agent_tools.view_agentrun"):
            picture = picture_of_runs(_client_of(request))
        response: HttpResponse = super().changelist_view(
            request, {**(extra_context or {}), "picture": picture}
        )
        return response


def _client_of(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("client__id__exact", ""))
    except ValueError:
        return None
