from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from integrations import services
from integrations.admin.connection import (
    BREAKER,
    CONFIG,
    ERROR,
    FAILURES,
    NEW_CHATS,
    NEXT_SLOT,
    PREVIOUS,
    REMOVED,
    SENDING,
    STATUS,
    TESTED,
    has_previous,
    with_switches,
)
from integrations.admin.health import ConditionFilter, connection_pictures
from integrations.errors import ConnectionFailed, IntegrationUnreadable, InvalidCredentials
from integrations.models import Integration
from renum.accounts.scope import service_scope
from renum.admin_columns import CLIENT, Panel, add_alert, moment, row_link
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin, cause_of
from renum.errors import DomainError
from renum.events.cause import Cause

Answer = tuple[int, str]


@admin.register(Integration)
class IntegrationAdmin(ConsoleAdmin):
    """Connections are made through the API, by whoever has the credentials; here they are looked after.

    One that was removed stays to be seen, with what it sent, and cannot be changed any more.
    """

    list_display = ("name", CLIENT, "type", "provider", STATUS, SENDING, TESTED, ERROR)
    list_select_related = ("client", "delivery_state")
    list_filter = (
        BY_CLIENT,
        ("type", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ConditionFilter,
        "enabled",
        "paused",
    )
    list_before_template = "admin/integrations/health.html"
    ordering = ("-created_at",)
    sortable_by = ()
    actions = ("enable", "disable", "pause", "release", "allow_new_chats")
    change_form_outer_before_template = "admin/integrations/connection.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    CLIENT,
                    "type",
                    "provider",
                    "name",
                    "enabled",
                    "paused",
                    "daily_limit",
                    "pace_seconds",
                )
            },
        ),
        (_("Conexão"), {"fields": (STATUS, TESTED, ERROR, CONFIG, PREVIOUS)}),
        (_("Entrega"), {"fields": (SENDING, BREAKER, FAILURES, NEW_CHATS, NEXT_SLOT)}),
        (_("Datas"), {"fields": ("created_at", "updated_at", REMOVED)}),
    )
    readonly_fields = tuple(
        name
        for _title, part in fieldsets
        for name in part["fields"]
        if name not in ("name", "enabled", "paused", "daily_limit", "pace_seconds")
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_switches(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.removed_at is not None:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        pictures = connection_pictures() if request.method == "GET" else []
        response: HttpResponse = super().changelist_view(
            request, {**(extra_context or {}), "pictures": pictures}
        )
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service, upon the row as it is now: a worker may be writing the other fields."""
        stored = Integration.objects.select_for_update().get(pk=obj.pk)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.change_integration(stored, changes, cause=cause_of(request))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        if obj is not None and self.has_change_permission(request, obj):
            context["check_url"] = reverse("admin:integrations_integration_check", args=[obj.pk])
            if has_previous(obj):
                context["restore_url"] = reverse("admin:integrations_integration_restore", args=[obj.pk])
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Actions ----------------------------------------------------------------------------------

    def _change(
        self, request: HttpRequest, queryset: QuerySet[Integration], **changes: Any
    ) -> list[Integration]:
        return services.change_integrations(queryset, changes, cause=cause_of(request))

    @admin.action(description=_("Ativar"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        switched = self._change(request, queryset, enabled=True)
        text = ngettext("%d integração ativada.", "%d integrações ativadas.", len(switched))
        self._report(request, switched, _("Ativada."), text)

    @admin.action(description=_("Desativar"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        switched = self._change(request, queryset, enabled=False)
        text = ngettext("%d integração desativada.", "%d integrações desativadas.", len(switched))
        self._report(request, switched, _("Desativada."), text)

    @admin.action(description=_("Pausar envios"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        paused = self._change(request, queryset, paused=True)
        text = ngettext(
            "Envios de %d integração pausados.", "Envios de %d integrações pausados.", len(paused)
        )
        self._report(request, paused, _("Envios pausados."), text)

    @admin.action(description=_("Liberar envios"), permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        freed = self._change(request, queryset, paused=False)
        text = ngettext(
            "Envios de %d integração liberados.", "Envios de %d integrações liberados.", len(freed)
        )
        self._report(request, freed, _("Envios liberados."), text)

    @admin.action(description=_("Liberar novas conversas"), permissions=["change"])
    def allow_new_chats(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        freed = services.allow_new_chats(queryset)
        text = ngettext(
            "Novas conversas de %d integração liberadas.",
            "Novas conversas de %d integrações liberadas.",
            len(freed),
        )
        self._report(request, freed, _("Novas conversas liberadas."), text)

    def _report(self, request: HttpRequest, changed: list[Integration], entry: Any, text: str) -> None:
        """Write down what was done to each, and say to how many."""
        self.write_log(request, changed, entry)
        self.message_user(request, text % len(changed), messages.SUCCESS)

    # --- What asks the provider: outside of any transaction (rule I5), so not an action -------------

    def get_urls(self) -> list[URLPattern]:
        return [
            self._outside("check", self.check_view),
            self._outside("restore", self.restore_view),
            *super().get_urls(),
        ]

    def _outside(self, name: str, view: Callable[..., HttpResponse]) -> URLPattern:
        outside = transaction.non_atomic_requests(require_POST(view))
        return path(f"<uuid:object_id>/{name}/", outside, name=f"integrations_integration_{name}")

    def check_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Ask the provider whether the connection works, and go back to its page with the answer."""
        return self._ask(request, object_id, _check)

    def restore_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Return to the credentials that worked last, and go back to the page with how that went."""
        return self._ask(request, object_id, lambda integration: _restore(integration, cause_of(request)))

    def _ask(
        self, request: HttpRequest, object_id: Any, ask: Callable[[Integration], Answer]
    ) -> HttpResponse:
        page = reverse("admin:integrations_integration_change", args=[object_id])
        if not self.admin_site.has_permission(request):
            return redirect_to_login(page, reverse("admin:login"))
        with _scope():
            if not self.has_change_permission(request):
                raise PermissionDenied
            integration = Integration.objects.current().filter(pk=object_id).first()
        if integration is None:
            raise Http404
        level, text = ask(integration)
        with _scope():
            self.write_log(request, [integration], text)
        self.message_user(request, text, level)
        return HttpResponseRedirect(page)


def _scope() -> Any:
    return service_scope(reason="support console")


def _check(integration: Integration) -> Answer:
    try:
        checked = services.check_integration(_scope, integration)
    except (InvalidCredentials, ConnectionFailed) as error:
        return messages.ERROR, _("Teste de conexão: %s") % error.message
    except IntegrationUnreadable:
        return messages.ERROR, str(_("Teste de conexão: a configuração guardada não pôde ser lida."))
    detail = checked.health.detail
    if not checked.health.connected:
        trouble = _("Teste de conexão: o provedor aceitou as credenciais, mas a conexão não pode ser usada.")
        return messages.WARNING, f"{trouble} {detail}".strip()
    text = _("Teste de conexão: funcionou, em %d ms.") % checked.latency_ms
    return messages.WARNING if detail else messages.SUCCESS, f"{text} {detail}".strip()


def _restore(integration: Integration, cause: Cause) -> Answer:
    try:
        services.restore_previous(_scope, integration, cause=cause)
    except DomainError as error:
        return messages.ERROR, _("Credenciais anteriores não restauradas: %s") % error.message
    return messages.SUCCESS, str(_("Credenciais anteriores restauradas."))


add_alert(
    Panel(
        _("Conexões que não funcionam"),
        (row_link(_("conexão")), CLIENT, STATUS, ERROR, moment("updated_at", _("desde"))),
        lambda _nobody: (
            Integration.objects.current()
            .filter(enabled=True, status__in=[Integration.Status.DISCONNECTED, Integration.Status.ERROR])
            .select_related("client", "delivery_state")
            .order_by("-updated_at")
        ),
    )
)
