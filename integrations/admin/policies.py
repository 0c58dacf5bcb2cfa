"""The rules of sending: a client's, and the switch for everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from integrations import services
from integrations.delivery.quiet import STATES
from integrations.models import DeliveryPolicy, OutboundMessage, SendingSwitch
from renum.admin_columns import column, label, moment
from renum.admin_filters import BY_CLIENT
from renum.admin_policies import RULES_OF, PolicyAdmin
from renum.admin_site import ConsoleAdmin
from renum.conversations.models import Channel
from renum.events.cause import Cause

MAX_HOLIDAYS = 366
MAX_COUNTED = 1000  # waiting messages that are counted before all are stopped


# --- A client's rules -------------------------------------------------------------------------------


def _clock_input() -> forms.TimeInput:
    """Django's own warns whoever sits in another time zone; these times are on the client's clock."""
    return forms.TimeInput({"type": "time", "class": " ".join(INPUT_CLASSES)}, format="%H:%M")


class DeliveryPolicyForm(forms.ModelForm[DeliveryPolicy]):
    quiet_start = forms.TimeField(label=_("Silêncio a partir de"), required=False, widget=_clock_input())
    quiet_end = forms.TimeField(label=_("Silêncio até"), required=False, widget=_clock_input())
    quiet_channels = forms.MultipleChoiceField(
        label=_("Canais com silêncio"),
        choices=Channel.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=[Channel.WHATSAPP.value],
    )
    holiday_state = forms.ChoiceField(
        label=_("UF dos feriados estaduais"),
        choices=[("", "–"), *((code, code) for code in STATES)],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Junto com os nacionais."),
    )
    holidays = SimpleArrayField(
        forms.DateField(),
        label=_("Outros feriados"),
        required=False,
        max_length=MAX_HOLIDAYS,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text=_("Datas separadas por vírgula, como 2026-12-24, 2027-01-02."),
    )

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if {"quiet_start", "quiet_end"} <= values.keys():
            start, end = values["quiet_start"], values["quiet_end"]
            if (start is None) != (end is None) or (start is not None and start == end):
                self.add_error(
                    "quiet_end",
                    _("Informe início e fim do silêncio, diferentes um do outro, ou nenhum."),
                )
        return values


def _silence(policy: DeliveryPolicy) -> Any:
    if policy.quiet_start is None or policy.quiet_end is None:
        return None
    return f"{policy.quiet_start:%H:%M}–{policy.quiet_end:%H:%M}"


def _cap(policy: DeliveryPolicy) -> Any:
    if policy.contact_cap is None:
        return None
    return _("%(cap)d a cada %(hours)d h") % {"cap": policy.contact_cap, "hours": policy.contact_cap_hours}


SENDING = column(
    "sending",
    _("envios"),
    lambda policy: label(_("Pausados"), "danger") if policy.paused else label(_("Liberados"), "success"),
)


@admin.register(DeliveryPolicy)
class DeliveryPolicyAdmin(PolicyAdmin):
    form = DeliveryPolicyForm
    list_display = (
        RULES_OF,
        SENDING,
        column("silence", _("silêncio"), _silence),
        "national_holidays",
        column("cap", _("limite por contato"), _cap),
        moment("updated_at", _("mudou em")),
    )
    list_filter = (BY_CLIENT, "paused")
    fieldsets = (
        (None, {"fields": ("client", "paused")}),
        (
            _("Silêncio, para o que ninguém pediu"),
            {
                "fields": (
                    ("quiet_start", "quiet_end"),
                    "quiet_channels",
                    "national_holidays",
                    "holiday_state",
                    "holidays",
                ),
                "description": _("No relógio do cliente; um fim antes do início passa da meia-noite."),
            },
        ),
        (_("Limite por contato"), {"fields": (("contact_cap", "contact_cap_hours"),)}),
    )

    def change_policy(self, client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> Any:
        return services.change_policy(client_id, changes, cause=cause)


# --- The switch for everything ----------------------------------------------------------------------


@admin.register(SendingSwitch)
class SendingSwitchAdmin(ConsoleAdmin):
    """One row, and one button on its page that asks before it does anything."""

    actions = None
    list_display = (column("state", _("situação"), str),)
    ordering = ("id",)
    change_form_outer_before_template = "admin/integrations/switch.html"
    fields = (
        column(
            "state",
            _("situação"),
            lambda switch: label(str(switch), "danger" if switch.paused else "success"),
        ),
        moment("updated_at", _("alterado em")),
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """In an emergency nobody wants a list of one row."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        SendingSwitch.objects.get_or_create(id=1)
        return HttpResponseRedirect(_page())

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if self.has_change_permission(request, kwargs.get("obj")):
            context["switch_url"] = reverse("admin:integrations_sendingswitch_switch")
        context.update(show_save=False, show_save_and_continue=False)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.switch_view)
        return [path("switch/", view, name="integrations_sendingswitch_switch"), *super().get_urls()]

    def switch_view(self, request: HttpRequest) -> HttpResponse:
        """Ask whether it is meant; upon POST, do it. `paused` says what is wanted, not the opposite of
        what is: two people who press at once want the same."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        wanted = (request.POST if request.method == "POST" else request.GET).get("paused")
        if wanted not in ("0", "1"):
            return HttpResponseRedirect(_page())
        paused = wanted == "1"
        if request.method != "POST":
            return TemplateResponse(
                request, "admin/integrations/switch_confirm.html", self._question(request, paused)
            )
        switch = SendingSwitch.objects.select_for_update().get(pk=1)
        if switch.paused == paused:
            self.message_user(request, _("Nada mudou: já estava assim."), messages.WARNING)
            return HttpResponseRedirect(_page())
        services.switch_everything(paused=paused)
        text = _("Todos os envios pausados.") if paused else _("Envios liberados.")
        self.write_log(request, [switch], text)
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(_page())

    def _question(self, request: HttpRequest, paused: bool) -> dict[str, Any]:
        waiting = OutboundMessage.objects.filter(state=OutboundMessage.State.QUEUED)
        count = waiting.order_by()[: MAX_COUNTED + 1].count()
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Pausar todos os envios") if paused else _("Liberar os envios"),
            "paused": paused,
            "waiting": _("mais de %d") % MAX_COUNTED if count > MAX_COUNTED else count,
            "back_url": _page(),
        }


def _page() -> str:
    return reverse("admin:integrations_sendingswitch_change", args=[1])
