"""The support console: Django's admin, run under the service scope for staff."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from renum.accounts.scope import service_scope

View = Callable[..., HttpResponseBase]


def _under_service_scope(view: View) -> View:
    """Run and render a view inside one scope: template responses query when they are rendered.

    Times are shown in the staff's zone.
    """

    @wraps(view)
    def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        zone = ZoneInfo(settings.CONSOLE_TIME_ZONE)
        with timezone.override(zone), service_scope(reason="support console"):
            response = view(request, *args, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        return response

    return scoped


class RenumAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    def admin_view(self, view: View, cacheable: bool = False) -> View:
        return super().admin_view(_under_service_scope(view), cacheable)  # type: ignore[no-any-return]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        return _under_service_scope(super().login)(request, extra_context)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that the machine owns: to be read, searched and followed, not edited.

    Lists estimate nothing and count nothing: they page by a fixed number of rows (rule I10).
    """

    show_full_result_count = False
    list_per_page = 50
    actions: tuple[Any, ...] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
