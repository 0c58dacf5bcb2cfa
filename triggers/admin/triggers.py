from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import F, JSONField, OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Greatest, JSONObject
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from renum.admin_columns import (
    CLIENT,
    EMPTY,
    Panel,
    add_alert,
    column,
    moment,
    moment_text,
    name_cause,
    row_link,
)
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin
from triggers import actions, conditions, services
from triggers.admin import words
from triggers.bells import refuse_past_moment
from triggers.errors import InvalidTriggerConfig
from triggers.models import Trigger, TriggerExecution
from triggers.reasons import sentence_of
from triggers.schemas import SEQUENCE, check_references, validate_parts

name_cause("trigger", _("Gatilho"), "triggers", "trigger")

PARTS = (
    "trigger_type",
    "trigger_config",
    "condition_type",
    "condition_config",
    "action_type",
    "action_config",
)
LOOKED_BACK = 50  # executions of a trigger among which its last failure is looked for


def _choices(registry: Iterable[str]) -> list[tuple[str, Any]]:
    return [(kind, words.type_name(kind)) for kind in registry]


class IndentedJSONField(forms.JSONField):
    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput | str):
            return super().prepare_value(value)
        return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


class TriggerForm(forms.ModelForm[Trigger]):
    """The registries' types, and each config checked by its type's schema."""

    condition_type = forms.ChoiceField(
        label=_("Se"), choices=lambda: _choices(conditions.REGISTRY), widget=UnfoldAdminSelectWidget
    )
    action_type = forms.ChoiceField(
        label=_("Então"),
        choices=lambda: _choices([*actions.REGISTRY, SEQUENCE]),
        widget=UnfoldAdminSelectWidget,
    )

    def clean_condition_config(self) -> Any:
        return self.cleaned_data["condition_config"] or {}

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if all(part in values for part in PARTS):
            try:
                parts = validate_parts(**{part: values[part] for part in PARTS})
                # one that is edited keeps its own client
                client = self.instance.client if self.instance.client_id else values.get("client")
                if client is not None:
                    check_references(parts, client.pk)
                    if "trigger_config" in self.changed_data:
                        refuse_past_moment(parts, client.timezone)
            except InvalidTriggerConfig as error:
                for path, problems in error.details.items():
                    field, _dot, inner = path.partition(".")
                    for problem in problems:
                        self.add_error(field, f"{inner}: {problem}" if inner else problem)
        return values


def _last_failure(trigger: Any) -> str:
    found = trigger.last_failure
    if not found:
        return EMPTY
    at = parse_datetime(found["at"])
    return f"{moment_text(at) if at else ''} {found['reason'] or found['error'] or ''}".strip()


PAUSED = column(
    "paused",
    _("desligado por"),
    lambda trigger: sentence_of(trigger.paused_reason) if trigger.paused_reason else EMPTY,
)


@admin.register(Trigger)
class TriggerAdmin(ConsoleAdmin):
    form = TriggerForm
    list_display = (
        "name",
        CLIENT,
        "active",
        column("when", _("quando"), words.when),
        column("if", _("se"), words.condition),
        column("then", _("então"), words.action),
        "execution_count",
        moment("last_executed_at", _("última execução")),
        PAUSED,
        column("last_failure", _("última falha"), _last_failure),
    )
    list_select_related = ("client",)
    list_filter = (BY_CLIENT, "active", "trigger_type")
    formfield_overrides = {
        JSONField: {"form_class": IndentedJSONField, "widget": UnfoldAdminTextareaWidget({"rows": 7})},
        TextField: {"widget": UnfoldAdminTextareaWidget({"rows": 3})},
    }
    ordering = ("-created_at",)
    sortable_by = ()
    actions = ("switch_on", "switch_off", "delete_selected")
    autocomplete_fields = ("client",)
    fieldsets = (
        (None, {"fields": ("client", "name", "description", "active")}),
        (_("Quando"), {"fields": ("trigger_type", "trigger_config")}),
        (_("Se"), {"fields": ("condition_type", "condition_config")}),
        (_("Então"), {"fields": ("action_type", "action_config")}),
    )
    _ledger = (
        _("Execuções"),
        {
            "fields": (
                "id",
                PAUSED,
                "active_since",
                "execution_count",
                "last_executed_at",
                "created_at",
                "updated_at",
            )
        },
    )
    readonly_fields = _ledger[1]["fields"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fieldsets, self._ledger) if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "client") if obj else self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> Any:
        executions = TriggerExecution.objects.filter(trigger=OuterRef(OuterRef("pk"))).order_by(
            "-executed_at"
        )
        # By an expression, so that Postgres sorts these few, and does not walk an index of all.
        failed = TriggerExecution.objects.filter(
            pk__in=executions.values("pk")[:LOOKED_BACK], state=TriggerExecution.State.FAILED
        ).order_by(Greatest("executed_at", "created_at").desc())
        summary = failed.values(
            summary=JSONObject(at=F("executed_at"), reason=F("reason_code"), error=F("error_message"))
        )
        return super().get_queryset(request).annotate(last_failure=Subquery(summary[:1]))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the triggers; their executions go too, however many, and are not listed one by one."""
        names = [str(trigger) for trigger in objs]
        counts = {self.opts.verbose_name_plural: len(names)}
        return [*names, _("e o registro de suas execuções")], counts, set(), []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in ("name", "description", *PARTS)}
        active = form.cleaned_data["active"]
        if change:
            services.update_trigger(obj, active=active, **values)
            return
        created = services.create_trigger(obj.client_id, **values)
        if not active:
            services.switch_triggers([created], active=False)
        obj.pk, obj._state.adding = created.pk, False

    @admin.action(description=_("Ativar"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        self._switch(request, queryset, active=True)

    @admin.action(description=_("Desativar"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        self._switch(request, queryset, active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Trigger], *, active: bool) -> None:
        switched = services.switch_triggers(queryset, active=active)
        self.write_log(request, switched, _("Ativado.") if active else _("Desativado."))
        if active:
            text = ngettext("%d gatilho ativado.", "%d gatilhos ativados.", len(switched))
        else:
            text = ngettext("%d gatilho desativado.", "%d gatilhos desativados.", len(switched))
        self.message_user(request, text % len(switched), messages.SUCCESS)


add_alert(
    Panel(
        _("Gatilhos que se desligaram"),
        (row_link(_("gatilho")), CLIENT, PAUSED, moment("updated_at", _("desde"))),
        lambda _nobody: (
            Trigger.objects.exclude(paused_reason="").select_related("client").order_by("-updated_at")
        ),
    )
)
