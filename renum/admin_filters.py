"""Filters of the console's lists that an index serves, whatever the size of the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter, RangeDateFilter

from renum import clock

RECENT = timedelta(days=7)

# Looks clients up as they are typed, instead of listing all of them.
BY_CLIENT = ("client", AutocompleteSelectFilter)


class DayRangeFilter(RangeDateFilter):  # type: ignore[misc]
    """From one day to another, both included, in the staff's zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self._day("_from"), self._day("_to")
        if start:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": _midnight(start)})
        if end:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": _midnight(end + timedelta(days=1))})
        return queryset

    def _day(self, suffix: str) -> date | None:
        text = self.used_parameters.get(f"{self.parameter_name}{suffix}") or ""
        for style in get_format("DATE_INPUT_FORMATS"):
            try:
                return datetime.strptime(text, style).date()  # noqa: DTZ007  a day has no zone
            except ValueError:
                continue
        try:
            return parse_date(text)
        except ValueError:
            return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def recent(field: str, when: str, title: Any, choices: Callable[[], Any]) -> type[DropdownFilter]:
    """Filter by a field without an index of its own, among the rows of the last seven days by `when`.

    The index on `when` bounds what is looked at. `choices` returns (value, label) pairs.
    """

    class RecentFilter(DropdownFilter):  # type: ignore[misc]
        parameter_name = f"recent_{field}"

        def __init__(self, *args: Any, **kwargs: Any):
            self.title = _("%(title)s, últimos 7 dias") % {"title": title}
            super().__init__(*args, **kwargs)

        def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
            return list(choices())

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            if not self.value():
                return queryset
            return queryset.filter(**{field: self.value(), f"{when}__gte": clock.now() - RECENT})

    return RecentFilter
