"""The rules of a client's conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from renum.admin_columns import column, moment
from renum.admin_filters import BY_CLIENT
from renum.admin_policies import RULES_OF, PolicyAdmin
from renum.conversations.models import ConversationPolicy
from renum.conversations.policies import BURST_ORDER, MAX_DAYS, change_policy
from renum.events.cause import Cause

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
class ConversationPolicyAdmin(PolicyAdmin):
    form = ConversationPolicyForm
    list_display = (
        RULES_OF,
        column("burst", _("espera por mais mensagens"), _burst),
        column("handover", _("pausa do agente (min)"), lambda policy: str(policy.handover_minutes)),
        column("kept", _("dias: mensagens · eventos · recebidos"), _kept),
        moment("updated_at", _("mudou em")),
    )
    list_filter = (BY_CLIENT,)
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

    def change_policy(self, client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> Any:
        return change_policy(client_id, changes, cause=cause)
