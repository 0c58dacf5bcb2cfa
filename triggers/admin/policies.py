"""The switch for all of a client's triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from renum.admin_columns import column, label, moment
from renum.admin_filters import BY_CLIENT
from renum.admin_policies import RULES_OF, PolicyAdmin
from renum.events.cause import Cause
from triggers.models import AutomationPolicy
from triggers.policies import change_policy


def _state(policy: AutomationPolicy) -> Any:
    return label(_("Pausadas"), "danger") if policy.paused else label(_("Ligadas"), "success")


@admin.register(AutomationPolicy)
class AutomationPolicyAdmin(PolicyAdmin):
    list_display = (
        RULES_OF,
        column("automations", _("automações"), _state),
        moment("updated_at", _("mudou em")),
    )
    list_filter = (BY_CLIENT, "paused")
    fieldsets = (
        (
            None,
            {
                "fields": ("client", "paused"),
                "description": _("Enquanto pausadas, nenhum gatilho do cliente encontra nem executa nada."),
            },
        ),
    )

    def change_policy(self, client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> Any:
        return change_policy(client_id, changes, cause=cause)
