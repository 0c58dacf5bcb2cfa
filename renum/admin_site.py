"""The support console: Django's admin, run under the service scope for staff."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite
from unfold.views import ChangeList

from renum.accounts.models import Profile
from renum.accounts.scope import bind_service
from renum.admin_columns import EMPTY, alerts, panels_of
from renum.admin_paginator import MAX_COUNTED, BoundedPaginator
from renum.events.cause import Cause

View = Callable[..., HttpResponseBase]


def cause_of(request: HttpRequest) -> Cause:
    """The chain of causes that begins with whoever is asking."""
    assert isinstance(request.user, Profile)
    return Cause().then("profile", request.user.pk)


def _under_service_scope(view: View) -> View:
    """Run and render a view under the service scope: template responses query when they are rendered.

    The scope is bound to the request's own transaction (ATOMIC_REQUESTS), which a savepoint would not
    add to. Times are shown in the staff's zone.
    """

    @wraps(view)
    def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with timezone.override(ZoneInfo(settings.CONSOLE_TIME_ZONE)):
            bind_service(reason="support console")
            response = view(request, *args, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        return response

    return scoped


class RenumAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    def admin_view(self, view: View, cacheable: bool = False) -> View:
        # Around Django's own check of who is asking, which reads the profile.
        return _under_service_scope(super().admin_view(view, cacheable))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The first page begins with what wants a person."""
        return super().index(request, {**(extra_context or {}), "panels": alerts()})  # type: ignore[no-any-return]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        return _under_service_scope(super().login)(request, extra_context)


class ConsoleChangeList(ChangeList):  # type: ignore[misc]
    """Says in the page's head how many rows a filter left, where they were counted."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.result_count > MAX_COUNTED or not (self.has_active_filters or self.query):
            self.full_result_count = self.result_count  # shows no number


class ConsoleAdmin(ModelAdmin):  # type: ignore[misc]
    """What every list and page of the console has: pages that cost the same however long the list is
    (rule I10), search by id, and the panels that apps added for the model."""

    paginator: Any = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    list_fullwidth = True
    empty_value_display = EMPTY
    search_fields: ClassVar[Any] = ("id",)
    search_help_text: ClassVar[Any] = _("ID completo")
    change_form_outer_after_template = "admin/panels.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ConsoleChangeList]:
        return ConsoleChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if self.search_fields != ("id",):
            found, duplicates = super().get_search_results(request, queryset, search_term)
            return found, duplicates
        term = search_term.strip()
        return (self.find(queryset, term) if term else queryset), False

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that a typed term means: that of an id, with or without its kind (`message:…`)."""
        try:
            return queryset.filter(pk=UUID(term.rpartition(":")[2]))
        except ValueError:
            return queryset.none()

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Model | None = None,
        **kwargs: Any,
    ) -> HttpResponseBase:
        context["panels"] = panels_of(obj) if obj else []
        response: HttpResponseBase = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return response

    def write_log(self, request: HttpRequest, rows: Iterable[Model], message: Any) -> None:
        """Note what an action did in each row's history, beside Django's own entries."""
        rows = list(rows)
        if rows:
            LogEntry.objects.log_actions(
                user_id=request.user.pk,  # type: ignore[arg-type]
                queryset=rows,
                action_flag=CHANGE,
                change_message=str(message),
            )


class ReadOnlyAdmin(ConsoleAdmin):
    """Rows that the machine owns: to be read, searched and followed, not edited."""

    actions: tuple[Any, ...] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
