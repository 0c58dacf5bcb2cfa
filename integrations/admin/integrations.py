from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from pydantic import SecretStr
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from integrations import services
from integrations.errors import ConnectionFailed, IntegrationUnreadable, InvalidCredentials
from integrations.models import Integration
from renum.accounts.scope import service_scope
from renum.admin_columns import CLIENT, EMPTY, column, error_text, moment, state
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin
from renum.security.fields import PREFIX
from renum.security.redaction import redact_text

HIDDEN = "•••"

STATUS = state(
    "status",
    _("situação"),
    {
        Integration.Status.CONNECTED: "success",
        Integration.Status.DISCONNECTED: "warning",
        Integration.Status.ERROR: "danger",
    },
)
TESTED = moment("last_tested_at", _("último teste"))
ERROR = error_text("last_error", _("último erro"))


def _readable(value: Any) -> Any:
    """A setting as staff may see it; secrets are not even opened for it."""
    if isinstance(value, SecretStr) or (isinstance(value, str) and value.startswith(PREFIX)):
        return HIDDEN
    return redact_text(str(value)) if value not in (None, "") else EMPTY


def _config_table(integration: Integration) -> Any:
    stored = integration.__dict__.get("config") or {}  # as stored: reading the attribute decrypts
    rows = format_html_join(
        "",
        '<tr><td class="pr-6 py-1">{}</td><td class="py-1"><code>{}</code></td></tr>',
        ((name, _readable(value)) for name, value in stored.items()),
    )
    return format_html("<table>{}</table>", rows)


CONFIG = column("config", _("configuração"), _config_table)


@admin.register(Integration)
class IntegrationAdmin(ConsoleAdmin):
    """Connections are made through the API, by whoever has the credentials; here they are looked after."""

    list_display = ("name", CLIENT, "type", "provider", STATUS, "enabled", TESTED, ERROR)
    list_select_related = ("client",)
    list_filter = (
        BY_CLIENT,
        ("type", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        "enabled",
    )
    ordering = ("-created_at",)
    sortable_by = ()
    actions = ("enable", "disable")
    change_form_outer_before_template = "admin/integrations/check.html"
    fieldsets = (
        (None, {"fields": ("id", CLIENT, "type", "provider", "name", "enabled", "daily_limit")}),
        (_("Conexão"), {"fields": (STATUS, TESTED, ERROR, CONFIG)}),
        (_("Datas"), {"fields": ("created_at", "updated_at")}),
    )
    readonly_fields = (
        "id",
        CLIENT,
        "type",
        "provider",
        STATUS,
        TESTED,
        ERROR,
        CONFIG,
        "created_at",
        "updated_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.save(update_fields=[*form.changed_data, "updated_at"])  # a worker may be writing the others

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        if obj is not None and self.has_change_permission(request, obj):
            context["check_url"] = reverse("admin:integrations_integration_check", args=[obj.pk])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Ativar"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description=_("Desativar"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Integration], *, enabled: bool) -> None:
        switched = services.switch_integrations(queryset, enabled=enabled)
        self.write_log(request, switched, _("Ativada.") if enabled else _("Desativada."))
        if enabled:
            text = ngettext("%d integração ativada.", "%d integrações ativadas.", len(switched))
        else:
            text = ngettext("%d integração desativada.", "%d integrações desativadas.", len(switched))
        self.message_user(request, text % len(switched), messages.SUCCESS)

    # --- Testing the connection: outside of any transaction (rule I5), so not an action ------------

    def get_urls(self) -> list[URLPattern]:
        check = transaction.non_atomic_requests(require_POST(self.check_view))
        return [
            path("<uuid:object_id>/check/", check, name="integrations_integration_check"),
            *super().get_urls(),
        ]

    def check_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Ask the provider whether the connection works, and go back to its page with the answer."""
        page = reverse("admin:integrations_integration_change", args=[object_id])
        if not self.admin_site.has_permission(request):
            return redirect_to_login(page, reverse("admin:login"))
        with service_scope(reason="support console"):
            if not self.has_change_permission(request):
                raise PermissionDenied
            integration = Integration.objects.filter(pk=object_id).first()
        if integration is None:
            raise Http404
        level, text = _check(integration)
        with service_scope(reason="support console"):
            self.write_log(request, [integration], text)
        self.message_user(request, text, level)
        return HttpResponseRedirect(page)


def _check(integration: Integration) -> tuple[int, str]:
    try:
        checked = services.check_integration(lambda: service_scope(reason="support console"), integration)
    except (InvalidCredentials, ConnectionFailed) as error:
        return messages.ERROR, _("Teste de conexão: %s") % error.message
    except IntegrationUnreadable:
        return messages.ERROR, str(_("Teste de conexão: a configuração guardada não pôde ser lida."))
    if not checked.health.connected:
        text = _("Teste de conexão: o provedor aceitou o token, mas o WhatsApp está desconectado.")
        return messages.WARNING, str(text)
    return messages.SUCCESS, _("Teste de conexão: funcionou, em %d ms.") % checked.latency_ms
