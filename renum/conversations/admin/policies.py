"""The rules of a client's conversations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from renum.admin_columns import CLIENT, column, moment
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin, cause_of
from renum.conversations.models import ConversationPolicy
from renum.conversations.policies import BURST_ORDER, MAX_DAYS, change_policy

DAYS = ("message_days", "event_days", "inbox_days")


class ConversationPolicyForm(forms.ModelForm[ConversationPolicy]):
    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if values.get("burst_max_seconds", 0) < values.get("burst_quiet_seconds", 0):
            self.add_error("burst_max_seconds", BURST_ORDER)
        for name in DAYS:
            if values.get(name, 0) > MAX_DAYS:
                self.add_error(name, _("Guarde por no máximo %d dias.") % MAX_DAYS)
        return values


def _burst(policy: ConversationPolicy) -> Any:
    return f"{policy.burst_quiet_seconds:g}–{policy.burst_max_seconds:g} s"


def _kept(policy: ConversationPolicy) -> Any:
    return f"{policy.message_days} · {policy.event_days} · {policy.inbox_days}"


@admin.register(ConversationPolicy)
class ConversationPolicyAdmin(ConsoleAdmin):
    """One for each client, which has the defaults while there is none. None is deleted: it is set back."""

    form = ConversationPolicyForm
    list_display = (
        column("rules_of", _("cliente"), str),
        column("burst", _("espera por mais mensagens"), _burst),
        column("handover", _("pausa do agente (min)"), lambda policy: str(policy.handover_minutes)),
        column("kept", _("dias: mensagens · eventos · recebidos"), _kept),
        moment("updated_at", _("mudou em")),
    )
    list_select_related = ("client",)
    list_filter = (BY_CLIENT,)
    ordering = ("-updated_at",)
    sortable_by = ()
    actions = None
    autocomplete_fields = ("client",)
    fieldsets = (
        (None, {"fields": ("client",)}),
        (_("Rajadas de mensagens"), {"fields": (("burst_quiet_seconds", "burst_max_seconds"),)}),
        (_("Pessoas que assumem a conversa"), {"fields": ("handover_minutes",)}),
        (
            _("Descadastro"),
            {
                "fields": ("opt_out_text", "opt_in_text"),
                "description": _("Sem texto, nenhuma confirmação é enviada."),
            },
        ),
        (
            _("Por quanto tempo se guarda"),
            {
                "fields": (DAYS,),
                "description": _("O que está em andamento, contatos e conversas ficam."),
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first, *rest = self.fieldsets
        return ((None, {"fields": (CLIENT, "updated_at")}) if obj else first, *rest)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (CLIENT, "updated_at") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service, which puts the change on record."""
        names = form.changed_data if change else form.fields
        changes = {name: form.cleaned_data[name] for name in names if name != "client"}
        saved = change_policy(obj.client_id, changes, cause=cause_of(request))
        obj.pk, obj._state.adding = saved.pk, False
